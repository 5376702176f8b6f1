-- What runs or waits now, the oldest first; an index lists exactly these.
SELECT job_id, job_type, bot_id, status,
    CASE status WHEN 'running' THEN started_at ELSE available_at END AS since
FROM job_runs
WHERE status IN ('pending', 'running')
ORDER BY since, id
LIMIT :limit
