-- Every job with what an operator wants beside it; each job costs a few index pages, whatever the history.
SELECT j.*,
    greatest(0, extract(epoch FROM now() - j.next_run_at))::double precision AS overdue,
    current_run.id AS current_run_id,
    strip.runs AS strip_runs,
    strip.last_run_id,
    durations.p50_ms,
    durations.p95_ms
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
    SELECT r.id FROM job_runs r
    WHERE r.job_id = j.id AND r.status IN ('pending', 'running')
    ORDER BY r.status DESC, r.created_at LIMIT 1
) current_run ON true
LEFT JOIN LATERAL (
    SELECT array_agg(
            CASE WHEN cardinality(t.suspicious) > 0 THEN 'suspicious ' ELSE '' END || t.status
            ORDER BY t.started_at, t.id
        ) AS runs,
        (array_agg(t.id ORDER BY t.started_at DESC, t.id DESC))[1] AS last_run_id
    FROM (
        SELECT r.id, r.status, r.suspicious, r.started_at FROM job_runs r
        WHERE r.job_id = j.id AND r.status IN ('success', 'failed', 'skipped') AND r.started_at IS NOT NULL
        ORDER BY r.started_at DESC, r.id DESC LIMIT 30
    ) t
) strip ON true
LEFT JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t.duration_ms) AS p50_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY t.duration_ms) AS p95_ms
    FROM (
        SELECT r.duration_ms, r.status FROM job_runs r
        WHERE r.job_id = j.id AND r.started_at IS NOT NULL
        ORDER BY r.started_at DESC, r.id DESC LIMIT 200
    ) t
    WHERE t.status = 'success'
) durations ON true
ORDER BY j.next_run_at, j.id
