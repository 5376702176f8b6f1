UPDATE job_runs
SET status = 'failed', started_at = now(), finished_at = now(), duration_ms = 0,
    cancel_requested_at = now(), cancel_requested_by = :actor,
    error_message = 'Cancelled by ' || :actor || ' before it started.'
WHERE id = :run AND status = 'pending'
RETURNING *
