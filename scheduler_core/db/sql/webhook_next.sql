-- Seconds until the next try; NULL when nothing waits.
SELECT extract(epoch FROM min(next_attempt_at) - now())::float8 AS seconds
FROM webhook_deliveries WHERE ended_at IS NULL
