SELECT * FROM (
    SELECT id, started_at, duration_ms, status FROM job_runs
    WHERE job_id = :job AND started_at IS NOT NULL AND status IN ('success', 'failed')
        AND mode = 'run'
    ORDER BY started_at DESC, id DESC LIMIT :limit
) newest ORDER BY started_at, id
