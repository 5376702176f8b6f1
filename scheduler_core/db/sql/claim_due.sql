-- Turns every due slot into a run, once, whichever node asks first. As many as this node has places for
-- start in the same statement; the others wait.
WITH ready AS MATERIALIZED (
    -- In its own CTE: the planner may otherwise update more rows than the LIMIT. NO KEY leaves room for
    -- those who only refer to the job; SKIP LOCKED leaves a row somebody is editing for the next look. All
    -- columns come from here: only this read sees the version of the row that it locked.
    SELECT j.id, j.job_type, j.bot_id, j.next_run_at, j.interval_minutes, j.claim_seq, j.overlap, j.catch_up,
        j.failures, j.backoff_until, j.config_json, j.needs_model, false AS is_cron,
        -- An interval keeps its grid, so the schedule does not drift, and slots missed while nobody looked
        -- become this one.
        floor(date_part('epoch', now() - j.next_run_at) / (60 * j.interval_minutes))::integer AS missed
    FROM scheduled_jobs j
    WHERE j.enabled AND NOT j.needs_slot AND j.cron IS NULL
        AND j.next_run_at <= least(now(), :until::timestamptz)
        -- A node that was stopped for longer than its lease is nobody until its next heartbeat.
        AND NOT EXISTS (SELECT FROM scheduler_nodes n WHERE n.id = :node AND n.lease_expires_at <= now())
    ORDER BY j.next_run_at
    LIMIT :batch
    FOR NO KEY UPDATE OF j SKIP LOCKED
),
due AS (
    SELECT r.*, r.next_run_at + make_interval(mins => r.interval_minutes * (r.missed + 1)) AS next_at
    FROM ready r
    UNION ALL
    -- Cron slots are computed by the caller, who holds those rows locked.
    SELECT j.id, j.job_type, j.bot_id, j.next_run_at, j.interval_minutes, j.claim_seq, j.overlap, j.catch_up,
        j.failures, j.backoff_until, j.config_json, j.needs_model, true, c.missed, c.next_at
    FROM unnest(:cron_ids::uuid[], :cron_next::timestamptz[], :cron_missed::integer[])
        AS c (id, next_at, missed)
    JOIN scheduled_jobs j ON j.id = c.id
),
bots AS (
    SELECT unnest(:bots::text[]) AS bot_id
    UNION SELECT bot_id FROM bawt_bots()
),
judged AS (
    SELECT d.id, d.job_type, coalesce(b.bot_id, d.bot_id) AS bot_id, d.next_run_at AS slot_at, d.next_at,
        d.missed, d.claim_seq + 1 AS claim_seq, d.config_json, b.bot_id IS NOT NULL AS is_one_of_many,
        active.status IS NULL AND (
            d.needs_model IS NULL
            OR EXISTS (SELECT FROM scheduler_nodes n WHERE n.id = :node AND d.needs_model = ANY (n.models))
        ) AS is_free,
        CASE
            WHEN b.bot_id IS NULL AND d.bot_id = '*' AND d.job_type = ANY (:per_bot_types) THEN 'no bots known'
            WHEN d.backoff_until > now() THEN
                'backing off after ' || d.failures || ' failures until '
                || to_char(d.backoff_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
            WHEN d.missed > 0 AND d.catch_up = 'skip' THEN
                -- Slots of cron jobs are counted up to a thousand.
                'missed: ' || CASE WHEN d.is_cron AND d.missed = 1000 THEN 'at least ' ELSE '' END
                || d.missed + 1 || ' slots came while nothing ran, and catch_up is skip'
            WHEN active.status = 'pending' OR (active.status = 'running' AND d.overlap = 'skip') THEN
                'overlap: run ' || active.id || ' was still ' || active.status
        END AS reason
    FROM due d
    -- A condition on the job alone: bots are read only when a job for all bots is due.
    LEFT JOIN LATERAL (
        SELECT bots.bot_id FROM bots WHERE d.bot_id = '*' AND d.job_type = ANY (:per_bot_types)
    ) b ON true
    LEFT JOIN LATERAL (
        -- A waiting run is in the way whatever the policy; a running one only under 'skip'.
        SELECT r.id, r.status FROM job_runs r
        WHERE r.job_id = d.id AND r.bot_id = coalesce(b.bot_id, d.bot_id) AND r.status IN ('pending', 'running')
        ORDER BY r.status LIMIT 1
    ) active ON true
),
decided AS (
    SELECT j.*,
        bawt_slot_run_id(j.id, j.claim_seq, j.bot_id, j.slot_at) AS run_id,
        CASE
            WHEN j.reason IS NOT NULL THEN 'skipped'
            -- Only those that may start take up places, in the order in which they were read.
            WHEN j.is_free AND j.job_type = ANY (:direct_types) AND count(*) FILTER (
                WHERE j.reason IS NULL AND j.is_free AND j.job_type = ANY (:direct_types)
            ) OVER (ROWS UNBOUNDED PRECEDING) <= :capacity THEN 'running'
            ELSE 'pending'
        END AS status
    FROM judged j
),
advanced AS (
    UPDATE scheduled_jobs j
    SET claim_seq = d.claim_seq, next_run_at = d.next_at,
        last_run_at = CASE WHEN d.starts THEN now() ELSE j.last_run_at END
    FROM (
        SELECT id, claim_seq, next_at, status = 'running' AS starts FROM decided WHERE NOT is_one_of_many
        UNION ALL
        SELECT id, claim_seq, next_at, bool_or(status = 'running') FROM decided WHERE is_one_of_many GROUP BY 1, 2, 3
    ) d
    WHERE j.id = d.id
),
inserted AS (
    INSERT INTO job_runs (
        id, job_id, job_type, bot_id, trigger, scheduled_for, claim_seq, coalesced,
        status, node_id, reason, started_at, finished_at, duration_ms
    )
    SELECT run_id, id, job_type, bot_id, 'schedule', slot_at, claim_seq, missed,
        status,
        CASE WHEN status = 'running' THEN :node::uuid END,
        reason,
        CASE WHEN status <> 'pending' THEN now() END,
        CASE WHEN status = 'skipped' THEN now() END,
        CASE WHEN status = 'skipped' THEN 0 END
    FROM decided
)
SELECT run_id AS id, id AS job_id, job_type, bot_id, status, slot_at AS scheduled_for, missed AS coalesced,
    config_json
FROM decided
