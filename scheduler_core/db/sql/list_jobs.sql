-- Every job with its current and its last run, and nothing of its past: a few index entries each. Paused ones stand
-- last: their slots lie ever further in the past, and of many jobs only the first are given.
SELECT j.*,
    greatest(0, extract(epoch FROM now() - j.next_run_at))::double precision AS overdue,
    current_run.run AS current_run,
    last_run.run AS last_run
FROM (
    -- Two indexes, each with the jobs that the other leaves out.
    (
        SELECT * FROM scheduled_jobs WHERE enabled AND NOT needs_slot ORDER BY next_run_at, id LIMIT :limit
    ) UNION ALL (
        SELECT * FROM scheduled_jobs WHERE NOT enabled OR needs_slot ORDER BY next_run_at, id LIMIT :limit
    )
    ORDER BY enabled DESC, next_run_at, id
    LIMIT :limit
) j
LEFT JOIN LATERAL (
    SELECT r AS run FROM job_runs r
    WHERE r.job_id = j.id AND r.status IN ('pending', 'running')
    ORDER BY r.status DESC, r.created_at LIMIT 1
) current_run ON true
LEFT JOIN LATERAL (
    SELECT r AS run FROM job_runs r
    WHERE r.job_id = j.id AND r.status IN ('success', 'failed', 'skipped') AND r.started_at IS NOT NULL
        -- Dry runs, and what applies or takes back another run, say nothing about how the job does.
        AND r.mode = 'run'
    ORDER BY r.started_at DESC, r.id DESC LIMIT 1
) last_run ON true
ORDER BY j.enabled DESC, j.next_run_at, j.id
