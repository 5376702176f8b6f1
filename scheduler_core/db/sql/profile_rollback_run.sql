-- A rollback is a run like any other change, so that it shows in the history and can be undone.
INSERT INTO job_runs (
    job_id, job_type, bot_id, status, trigger, started_at, finished_at, duration_ms, result_json
)
SELECT (
        SELECT j.id FROM scheduled_jobs j
        WHERE j.job_type = 'profile_maintenance' AND j.bot_id = '*' ORDER BY j.created_at LIMIT 1
    ),
    'profile_maintenance', '*', 'success', 'manual', now(), now(), 0, :result
RETURNING id
