-- What waits for a bot that is forgotten does not start.
-- The time is taken once: the statement may have waited, and so have begun before the slot.
WITH skipped AS MATERIALIZED (SELECT clock_timestamp() AS at)
UPDATE job_runs
SET status = 'skipped', started_at = skipped.at, finished_at = skipped.at,
    duration_ms = 0, reason = 'forgotten'
FROM skipped
WHERE status = 'pending' AND lower(bot_id) = :bot::text
