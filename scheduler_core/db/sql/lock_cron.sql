-- Cron jobs that are due or have no slot yet, held until the transaction ends; a node computes their slots.
SELECT id, job_type, bot_id, cron, time_zone, next_run_at, needs_slot, config_json, now() AS at
FROM scheduled_jobs
WHERE (enabled AND cron IS NOT NULL AND NOT needs_slot AND next_run_at <= now()) OR needs_slot
ORDER BY next_run_at
LIMIT :batch
FOR NO KEY UPDATE SKIP LOCKED
