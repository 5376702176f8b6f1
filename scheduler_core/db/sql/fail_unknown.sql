-- Fails waiting runs of a type that no live node has known for the whole grace period.
WITH orphan AS MATERIALIZED (
    SELECT r.id FROM job_runs r
    WHERE r.status = 'pending'
        AND r.available_at < now() - make_interval(secs => :grace)
        AND NOT EXISTS (
            SELECT FROM scheduler_nodes n
            WHERE n.lease_expires_at > now() AND n.state = 'active' AND r.job_type = ANY (n.job_types)
        )
        AND EXISTS (SELECT FROM scheduler_nodes n WHERE n.id = :node AND n.lease_expires_at > now())
    LIMIT :batch
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE job_runs r
SET status = 'failed', started_at = now(), finished_at = now(), duration_ms = 0,
    error_message = 'No running node knows the job type ' || r.job_type || '.'
FROM orphan
WHERE r.id = orphan.id
RETURNING r.id
