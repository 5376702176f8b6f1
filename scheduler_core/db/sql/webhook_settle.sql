-- What came of one try: over, or another one later. The try counts, so that a late answer changes nothing.
UPDATE webhook_deliveries
SET ended_at = CASE WHEN :retry_in::float8 IS NULL THEN now() END,
    delivered = :delivered::boolean,
    last_error = :error::text,
    next_attempt_at = now() + make_interval(secs => coalesce(:retry_in::float8, 0))
WHERE id = :id AND attempts = :attempts AND ended_at IS NULL
