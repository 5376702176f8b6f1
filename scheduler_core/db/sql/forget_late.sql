-- Runs that may have written since this transaction began.
SELECT id FROM job_runs WHERE status IN ('pending', 'running')
UNION
SELECT id FROM job_runs WHERE started_at >= now()
