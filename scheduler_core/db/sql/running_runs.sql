-- What runs now, everywhere; the partial index holds nothing else.
SELECT * FROM job_runs WHERE status = 'running' ORDER BY started_at, id LIMIT :limit
