-- Every job with how its latest runs went; each costs a few index pages, whatever the history.
SELECT j.*, now() AS at, recent.bots, recent.durations, recent.places
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
    SELECT array_agg(DISTINCT t.bot_id ORDER BY t.bot_id) AS bots, max(t.slot) AS places,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY t.duration_ms)
            FILTER (WHERE t.status IN ('success', 'failed')) AS durations
    FROM (
        SELECT r.bot_id, r.slot, r.status, r.duration_ms FROM job_runs r
        WHERE r.job_id = j.id AND r.started_at IS NOT NULL
        ORDER BY r.started_at DESC, r.id DESC LIMIT :latest
    ) t
) recent ON true
ORDER BY j.next_run_at, j.id
