-- Every job with how its latest runs went; each costs a few index pages, whatever the history. Of many jobs fewer
-- runs are read. What runs or waits now comes with the first job: one statement sees one moment, and a screen that
-- is still being laid out waits once.
SELECT j.*, now() AS at, recent.bots, recent.places,
    recent.durations[1] AS p50_ms, recent.durations[2] AS p95_ms,
    CASE WHEN row_number() OVER (ORDER BY j.next_run_at, j.id) = 1 THEN (
        SELECT json_agg(held ORDER BY held.since, held.id)
        FROM (
            -- An index lists exactly these.
            SELECT r.id, r.job_id, r.job_type, r.bot_id, r.status, r.slot,
                CASE r.status WHEN 'running' THEN r.started_at ELSE r.available_at END AS since
            FROM job_runs r
            WHERE r.status IN ('pending', 'running')
            ORDER BY since, r.id
            LIMIT :most_active
        ) held
    ) END AS active
FROM (
    -- Two indexes, each with the jobs that the other leaves out.
    (
        SELECT * FROM scheduled_jobs WHERE enabled AND NOT needs_slot ORDER BY next_run_at, id LIMIT :limit
    ) UNION ALL (
        SELECT * FROM scheduled_jobs WHERE NOT enabled OR needs_slot ORDER BY next_run_at, id LIMIT :limit
    )
    ORDER BY next_run_at, id
    LIMIT :limit
) j
LEFT JOIN LATERAL (
    -- Only a job for all bots has runs of several, and each is named as often as it ran: to sort them costs more.
    SELECT array_agg(t.bot_id) FILTER (WHERE j.bot_id = '*') AS bots, max(t.slot) AS places,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY t.duration_ms)
            FILTER (WHERE t.status IN ('success', 'failed')) AS durations
    FROM (
        SELECT r.bot_id, r.slot, r.status, r.duration_ms FROM job_runs r
        WHERE r.job_id = j.id AND r.status IN ('success', 'failed', 'skipped') AND r.started_at IS NOT NULL
            AND r.mode = 'run'
        ORDER BY r.started_at DESC, r.id DESC
        LIMIT (
            SELECT greatest(:fewest, least(:latest::bigint, :rows::bigint / greatest(1, count(*))))
            FROM (SELECT FROM scheduled_jobs LIMIT :limit) listed
        )
    ) t
) recent ON true
ORDER BY j.next_run_at, j.id
