-- What the latest successful runs say they did; reading it as JSON is the caller's work.
SELECT r.id::text AS run, lower(j.job_type::text) AS job_type, r.bot_id, r.started_at::timestamptz AS started_at,
    r.finished_at::timestamptz AS finished_at, r.result_json::text AS result
FROM job_runs r
LEFT JOIN scheduled_jobs j ON j.id = r.job_id
WHERE lower(r.status::text) = 'success' AND r.result_json IS NOT NULL AND r.finished_at IS NOT NULL
ORDER BY r.started_at DESC NULLS LAST, r.id
LIMIT :limit
