-- Closes runs whose node stopped renewing its lease, or whose node is unknown.
WITH gone AS MATERIALIZED (
    SELECT r.id, r.job_id FROM job_runs r
    WHERE r.status = 'running'
        AND NOT EXISTS (
            SELECT FROM scheduler_nodes n WHERE n.id = r.node_id AND n.lease_expires_at > now()
        )
    LIMIT :batch
    FOR UPDATE OF r SKIP LOCKED
),
-- What follows counts failures and adds attempts. A job that somebody holds in an open transaction must not hold up
-- the runs of the others; its own is closed at a later round.
jobs AS MATERIALIZED (
    SELECT j.id, j.config_json FROM scheduled_jobs j
    WHERE j.id IN (SELECT gone.job_id FROM gone)
    FOR NO KEY UPDATE SKIP LOCKED
),
lost AS (
    SELECT gone.id, jobs.config_json
    FROM gone LEFT JOIN jobs ON jobs.id = gone.job_id
    WHERE jobs.id IS NOT NULL OR NOT EXISTS (SELECT FROM scheduled_jobs j WHERE j.id = gone.job_id)
)
UPDATE job_runs r
SET status = 'failed', finished_at = clock_timestamp(), progress = NULL,
    duration_ms = greatest(0, least(2147483647, extract(epoch FROM clock_timestamp() - r.started_at) * 1000))::integer,
    -- Whoever asked for the end of a run gets it, also when its node is no longer there to stop it.
    error_message = CASE WHEN r.cancel_requested_at IS NULL THEN ''
        ELSE 'Cancelled by ' || coalesce(r.cancel_requested_by, 'somebody') || '. '
    END || 'Node lost: ' || coalesce(
        (SELECT n.name FROM scheduler_nodes n WHERE n.id = r.node_id), r.node_id::text
    ) || ' stopped renewing its lease.'
FROM lost
WHERE r.id = lost.id
RETURNING r.id, r.job_type, r.attempt, r.error_message, r.cancel_requested_at IS NOT NULL AS is_cancelled,
    lost.config_json
