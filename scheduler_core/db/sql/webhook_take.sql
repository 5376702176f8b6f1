-- Takes deliveries whose time has come, for as long as one try may take: should this process die meanwhile,
-- another one finds them again.
WITH due AS MATERIALIZED (
    SELECT id FROM webhook_deliveries
    WHERE ended_at IS NULL AND next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT :batch
    FOR UPDATE SKIP LOCKED
)
UPDATE webhook_deliveries d
SET attempts = d.attempts + 1, next_attempt_at = now() + make_interval(secs => :seconds::float8)
FROM due
WHERE d.id = due.id
RETURNING d.id, d.run_id, d.event, d.attempts, d.created_at
