-- One waiting run that applies or undoes another one; zero rows: something of this job waits already.
INSERT INTO job_runs (job_id, job_type, bot_id, trigger, mode, source_run_id)
SELECT r.job_id, r.job_type, r.bot_id, 'manual', :mode, r.id
FROM job_runs r
WHERE r.id = :run
ON CONFLICT (job_id, bot_id, status) WHERE status IN ('pending', 'running') DO NOTHING
RETURNING *
