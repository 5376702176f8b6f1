-- What the latest passes over a bot's memories saw, the newest first. The clause on '*' names the index.
SELECT r.result_json
FROM job_runs r
WHERE r.bot_id = :bot AND r.bot_id <> '*' AND r.job_type = :job_type AND r.mode = 'run'
    AND r.status IN ('success', 'skipped') AND r.result_json IS NOT NULL
    AND r.started_at > now() - interval '90 days'
ORDER BY r.started_at DESC, r.id DESC
LIMIT :passes
