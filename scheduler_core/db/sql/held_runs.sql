-- Runs that this node holds without knowing it: it started them, and the answer was lost.
SELECT r.id, r.job_id, r.job_type, r.bot_id, r.trigger, r.scheduled_for, r.attempt, r.coalesced,
    r.mode, r.source_run_id, j.config_json
FROM job_runs r LEFT JOIN scheduled_jobs j ON j.id = r.job_id
WHERE r.status = 'running' AND r.node_id = :node AND r.id <> ALL (:known::uuid[])
