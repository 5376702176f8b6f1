-- Turns every due slot into a run, once, whichever node asks first. As many as this node has places for
-- start in the same statement; the others wait.
WITH ready AS MATERIALIZED (
    -- In its own CTE: the planner may otherwise update more rows than the LIMIT. NO KEY leaves the
    -- foreign key of job_runs free; SKIP LOCKED leaves a row somebody is editing for the next look. All
    -- columns come from here: only this read sees the version of the row that it locked.
    SELECT j.*
    FROM scheduled_jobs j
    WHERE j.enabled AND NOT j.needs_slot AND j.cron IS NULL
        AND j.next_run_at <= least(now(), :until::timestamptz)
    ORDER BY j.next_run_at
    LIMIT :batch
    FOR NO KEY UPDATE SKIP LOCKED
),
due AS MATERIALIZED (
    -- An interval keeps its grid, so the schedule does not drift, and slots missed while nobody looked
    -- become this one. Cron slots are computed by the caller, who holds those rows locked.
    SELECT j.*, j.next_run_at AS slot_at, coalesce(c.missed, grid.missed) AS missed,
        coalesce(c.next_at, j.next_run_at + make_interval(mins => j.interval_minutes * (grid.missed + 1))) AS next_at
    FROM (
        SELECT * FROM ready UNION ALL SELECT * FROM scheduled_jobs WHERE id = ANY (:cron_ids::uuid[])
    ) j
    LEFT JOIN unnest(:cron_ids::uuid[], :cron_next::timestamptz[], :cron_missed::integer[])
        AS c (id, next_at, missed) ON c.id = j.id
    CROSS JOIN LATERAL (
        SELECT floor(extract(epoch FROM now() - j.next_run_at) / (60 * j.interval_minutes))::integer AS missed
    ) grid
),
bots AS (
    SELECT unnest(:bots::text[]) AS bot_id
    UNION SELECT bot_id FROM bawt_bots()
),
target AS (
    -- LATERAL with a condition on the job alone: bots are read only when a job for all bots is due.
    SELECT d.*, coalesce(b.bot_id, d.bot_id) AS target_bot,
        b.bot_id IS NULL AND d.bot_id = '*' AND d.job_type = ANY (:per_bot_types) AS no_bots
    FROM due d
    LEFT JOIN LATERAL (
        SELECT bots.bot_id FROM bots WHERE d.bot_id = '*' AND d.job_type = ANY (:per_bot_types)
    ) b ON true
),
judged AS (
    SELECT t.id, t.job_type, t.target_bot, t.slot_at, t.next_at, t.missed, t.claim_seq + 1 AS claim_seq,
        CASE
            WHEN t.no_bots THEN 'no bots known'
            WHEN t.backoff_until > now() THEN
                'backing off after ' || t.failures || ' failures until '
                || to_char(t.backoff_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
            WHEN t.missed > 0 AND t.catch_up = 'skip' THEN
                -- Slots of cron jobs are counted up to a thousand.
                'missed: ' || CASE WHEN t.cron IS NOT NULL AND t.missed = 1000 THEN 'at least ' ELSE '' END
                || t.missed + 1 || ' slots came while nothing ran, and catch_up is skip'
            WHEN active.status = 'pending' OR (active.status = 'running' AND t.overlap = 'skip') THEN
                'overlap: run ' || active.id || ' was still ' || active.status
        END AS reason,
        active.status IS NOT NULL AS busy
    FROM target t
    LEFT JOIN LATERAL (
        -- A waiting run is in the way whatever the policy; a running one only under 'skip'.
        SELECT r.id, r.status FROM job_runs r
        WHERE r.job_id = t.id AND r.bot_id = t.target_bot AND r.status IN ('pending', 'running')
        ORDER BY r.status LIMIT 1
    ) active ON true
),
decided AS (
    SELECT j.*,
        CASE
            WHEN j.reason IS NOT NULL THEN 'skipped'
            WHEN NOT j.busy AND j.job_type = ANY (:direct_types) AND count(*) FILTER (
                WHERE j.reason IS NULL AND NOT j.busy AND j.job_type = ANY (:direct_types)
            ) OVER (ORDER BY j.slot_at, j.id, j.target_bot) <= :capacity THEN 'running'
            ELSE 'pending'
        END AS status
    FROM judged j
),
advanced AS (
    UPDATE scheduled_jobs j
    SET claim_seq = d.claim_seq, next_run_at = d.next_at,
        last_run_at = CASE WHEN d.starts THEN now() ELSE j.last_run_at END
    FROM (
        SELECT id, claim_seq, next_at, bool_or(status = 'running') AS starts FROM decided GROUP BY 1, 2, 3
    ) d
    WHERE j.id = d.id
),
inserted AS (
    INSERT INTO job_runs (
        job_id, job_type, bot_id, trigger, scheduled_for, claim_seq, coalesced,
        status, node_id, reason, started_at, finished_at, duration_ms
    )
    SELECT id, job_type, target_bot, 'schedule', slot_at, claim_seq, missed,
        status,
        CASE WHEN status = 'running' THEN :node::uuid END,
        reason,
        CASE WHEN status <> 'pending' THEN now() END,
        CASE WHEN status = 'skipped' THEN now() END,
        CASE WHEN status = 'skipped' THEN 0 END
    FROM decided
    -- Somebody may force a run between our look and our write; then that one is in the way.
    ON CONFLICT (job_id, bot_id, status) WHERE status IN ('pending', 'running') DO NOTHING
    RETURNING id, job_id, job_type, bot_id, status, trigger, scheduled_for, attempt, coalesced, started_at
),
overtaken AS (
    INSERT INTO job_runs (
        job_id, job_type, bot_id, trigger, scheduled_for, claim_seq, coalesced,
        status, reason, started_at, finished_at, duration_ms
    )
    SELECT d.id, d.job_type, d.target_bot, 'schedule', d.slot_at, d.claim_seq, d.missed,
        'skipped', 'overlap: a run was forced at the same moment', now(), now(), 0
    FROM decided d
    WHERE NOT EXISTS (SELECT FROM inserted i WHERE i.job_id = d.id AND i.bot_id = d.target_bot)
    RETURNING id, job_id, job_type, bot_id, status, trigger, scheduled_for, attempt, coalesced, started_at
)
SELECT i.*, d.config_json
FROM (SELECT * FROM inserted UNION ALL SELECT * FROM overtaken) i JOIN due d ON d.id = i.job_id
