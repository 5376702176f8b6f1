-- Nothing says that a service still works on a run, so time has to.
SELECT r.id::text AS run, lower(j.job_type::text) AS job_type, r.bot_id,
    coalesce(r.started_at, r.created_at)::timestamptz AS since, count(*) OVER () AS total
FROM job_runs r
LEFT JOIN scheduled_jobs j ON j.id = r.job_id
WHERE lower(r.status::text) = 'running'
    AND coalesce(r.started_at, r.created_at)::timestamptz < now() - make_interval(secs => :after)
ORDER BY since, run
LIMIT :limit
