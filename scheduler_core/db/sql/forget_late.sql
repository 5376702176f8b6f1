-- Runs that may have read an entity before it was gone, and written about it since.
SELECT id FROM job_runs WHERE status = 'running'
UNION ALL
SELECT id FROM job_runs WHERE status IN ('success', 'failed', 'skipped') AND started_at >= :since::timestamptz
