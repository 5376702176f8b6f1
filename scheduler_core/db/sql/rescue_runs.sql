-- Closes runs whose node stopped renewing its lease, or whose node is unknown.
WITH lost AS MATERIALIZED (
    SELECT r.id, j.config_json FROM job_runs r
    -- The next attempt needs its job to stay. A row somebody holds in an open psql transaction must not hold up
    -- the other runs: this one is closed at a later round.
    LEFT JOIN LATERAL (
        SELECT s.id, s.config_json FROM scheduled_jobs s WHERE s.id = r.job_id FOR KEY SHARE SKIP LOCKED
    ) j ON true
    WHERE r.status = 'running'
        AND (j.id IS NOT NULL OR (SELECT s.id FROM scheduled_jobs s WHERE s.id = r.job_id) IS NULL)
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
RETURNING r.id, r.job_type, r.attempt, r.error_message, lost.config_json
