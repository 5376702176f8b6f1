UPDATE job_runs
SET cancel_requested_at = coalesce(cancel_requested_at, now()),
    cancel_requested_by = coalesce(cancel_requested_by, :actor)
WHERE id = :run AND status = 'running'
RETURNING *
