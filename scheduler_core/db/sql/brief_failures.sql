-- The last attempts of what failed; an attempt that was retried with success needs nobody's eyes, and of one
-- whose next attempt is not over nobody knows.
SELECT * FROM (
    SELECT * FROM job_runs
    WHERE status = 'failed' AND started_at >= :since AND started_at < :until
    ORDER BY started_at DESC, id DESC
    LIMIT :limit * 5
) f
WHERE NOT EXISTS (
    SELECT FROM job_runs n WHERE n.first_run_id = coalesce(f.first_run_id, f.id) AND n.attempt > f.attempt
        AND n.status IN ('success', 'failed', 'skipped')
)
ORDER BY started_at DESC, id DESC
LIMIT :limit
