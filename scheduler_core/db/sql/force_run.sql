-- One waiting run now, for each bot where the type works per bot; the schedule stays as it is.
WITH job AS (
    SELECT * FROM scheduled_jobs WHERE id = :job
),
bots AS (
    SELECT unnest(:bots::text[]) AS bot_id
    UNION SELECT bot_id FROM bawt_bots()
),
target AS (
    SELECT job.id, job.job_type, bots.bot_id
    FROM job CROSS JOIN bots
    WHERE job.bot_id = '*' AND job.job_type = ANY (:per_bot_types)
    UNION ALL
    SELECT job.id, job.job_type, job.bot_id
    FROM job
    WHERE job.bot_id <> '*' OR job.job_type <> ALL (:per_bot_types)
)
INSERT INTO job_runs (job_id, job_type, bot_id, trigger, mode)
SELECT id, job_type, bot_id, 'manual', :mode FROM target
-- A retry that waits for better times is what was asked for; it need not wait any longer.
ON CONFLICT (job_id, bot_id, status) WHERE status IN ('pending', 'running')
DO UPDATE SET available_at = now()
WHERE job_runs.available_at > clock_timestamp() AND job_runs.mode = EXCLUDED.mode
RETURNING *
