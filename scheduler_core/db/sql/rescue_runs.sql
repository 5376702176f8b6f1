-- Closes runs whose node stopped renewing its lease, or whose node is unknown.
WITH lost AS MATERIALIZED (
    SELECT r.id FROM job_runs r
    WHERE r.status = 'running'
        AND NOT EXISTS (
            SELECT FROM scheduler_nodes n WHERE n.id = r.node_id AND n.lease_expires_at > now()
        )
    LIMIT :batch
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE job_runs r
SET status = 'failed', finished_at = clock_timestamp(), progress = NULL,
    duration_ms = greatest(0, least(2147483647, extract(epoch FROM clock_timestamp() - r.started_at) * 1000))::integer,
    error_message = 'Node lost: ' || coalesce(
        (SELECT n.name FROM scheduler_nodes n WHERE n.id = r.node_id), r.node_id::text
    ) || ' stopped renewing its lease.'
FROM lost
WHERE r.id = lost.id
RETURNING r.id, r.job_type, r.attempt, r.error_message,
    (SELECT j.config_json FROM scheduled_jobs j WHERE j.id = r.job_id) AS config_json
