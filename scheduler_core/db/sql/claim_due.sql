-- Turns every due slot into a run, once, whichever node asks first.
WITH due AS MATERIALIZED (
    -- In its own CTE: the planner may otherwise update more rows than the LIMIT. NO KEY leaves the
    -- foreign key of job_runs free; SKIP LOCKED leaves a row somebody is editing for the next look.
    SELECT id, next_run_at,
        floor(extract(epoch FROM now() - next_run_at) / (60 * interval_minutes))::integer AS missed
    FROM scheduled_jobs
    WHERE enabled AND next_run_at <= now()
    ORDER BY next_run_at
    LIMIT :batch
    FOR NO KEY UPDATE SKIP LOCKED
),
advanced AS (
    -- The next slot is on the old grid, so the schedule does not drift; slots missed while nobody
    -- looked become this one run.
    UPDATE scheduled_jobs j
    SET claim_seq = j.claim_seq + 1,
        next_run_at = due.next_run_at + make_interval(mins => j.interval_minutes * (due.missed + 1))
    FROM due
    WHERE j.id = due.id
    RETURNING j.id, j.job_type, j.bot_id, j.claim_seq, due.next_run_at AS slot_at, due.missed
),
bots AS (
    SELECT unnest(:bots::text[]) AS bot_id
    UNION SELECT bot_id FROM bawt_bots()
),
target AS (
    -- LATERAL with a condition on the job alone: bots are read only when a job for all bots is due.
    SELECT a.*, coalesce(b.bot_id, a.bot_id) AS target_bot,
        b.bot_id IS NULL AND a.bot_id = '*' AND a.job_type = ANY (:per_bot_types) AS no_bots
    FROM advanced a
    LEFT JOIN LATERAL (
        SELECT bots.bot_id FROM bots WHERE a.bot_id = '*' AND a.job_type = ANY (:per_bot_types)
    ) b ON true
),
judged AS (
    SELECT t.*,
        CASE
            WHEN t.no_bots THEN 'no bots known'
            WHEN active.status IS NOT NULL THEN
                'overlap: run ' || active.id || ' was still ' || active.status
        END AS reason
    FROM target t
    LEFT JOIN LATERAL (
        SELECT r.id, r.status FROM job_runs r
        WHERE r.job_id = t.id AND r.bot_id = t.target_bot AND r.status IN ('pending', 'running')
        ORDER BY r.status DESC LIMIT 1
    ) active ON true
)
INSERT INTO job_runs (
    job_id, job_type, bot_id, trigger, scheduled_for, claim_seq, coalesced,
    status, reason, started_at, finished_at, duration_ms
)
SELECT id, job_type, target_bot, 'schedule', slot_at, claim_seq, missed,
    CASE WHEN reason IS NULL THEN 'pending' ELSE 'skipped' END,
    reason,
    CASE WHEN reason IS NOT NULL THEN now() END,
    CASE WHEN reason IS NOT NULL THEN now() END,
    CASE WHEN reason IS NOT NULL THEN 0 END
FROM judged
RETURNING id, status
