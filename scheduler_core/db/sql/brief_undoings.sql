-- Those that undo were asked for by somebody, and of such there are few.
SELECT * FROM job_runs
WHERE trigger <> 'schedule' AND mode = 'undo' AND status = 'success'
    AND started_at >= :since AND started_at < :until
ORDER BY started_at DESC, id DESC
LIMIT :limit
