-- Retries that were on their way into the table while their job was paused, so that the pause did not see them. They
-- would wait for ever, and be in the way of a run that somebody asks for.
WITH missed AS MATERIALIZED (
    SELECT r.id, j.paused_by FROM job_runs r
    CROSS JOIN LATERAL (
        SELECT s.enabled, s.paused_by FROM scheduled_jobs s WHERE s.id = r.job_id OFFSET 0
    ) j
    WHERE r.status = 'pending' AND r.trigger = 'retry' AND r.started_at IS NULL AND NOT j.enabled
    LIMIT :batch
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE job_runs r
SET status = 'skipped', started_at = clock_timestamp(), finished_at = clock_timestamp(), duration_ms = 0,
    reason = 'paused by ' || missed.paused_by
FROM missed
WHERE r.id = missed.id
RETURNING r.id
