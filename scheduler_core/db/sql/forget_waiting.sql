-- What waits for a bot that is forgotten does not start.
UPDATE job_runs
SET status = 'skipped', started_at = statement_timestamp(), finished_at = statement_timestamp(),
    duration_ms = 0, reason = 'forgotten'
WHERE status = 'pending' AND lower(bot_id) = :bot::text
