-- Wakes the schedulers if a run of the same job and bot waited for one of these to end.
SELECT pg_notify('llm_bawt_wake', 'due') WHERE EXISTS (
    SELECT FROM unnest(:ids::uuid[]) AS e (id)
    CROSS JOIN LATERAL (SELECT j.job_id, j.bot_id FROM job_runs j WHERE j.id = e.id OFFSET 0) r
    CROSS JOIN LATERAL (
        SELECT w.id FROM job_runs w
        WHERE w.job_id = r.job_id AND w.bot_id = r.bot_id AND w.status = 'pending' OFFSET 0
    ) w
)
