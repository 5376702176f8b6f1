-- Wakes the schedulers if a run of the same job and bot waited for one of these to end.
SELECT pg_notify('llm_bawt_wake', 'due') WHERE EXISTS (
    SELECT FROM job_runs r
    JOIN job_runs w ON w.job_id = r.job_id AND w.bot_id = r.bot_id AND w.status = 'pending'
    WHERE r.id = ANY (:ids)
)
