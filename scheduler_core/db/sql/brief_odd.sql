SELECT r.* FROM (
    SELECT id, status, suspicious, started_at FROM job_runs
    WHERE started_at >= :since AND started_at < :until
    ORDER BY started_at DESC, id DESC
    LIMIT :most
) seen
JOIN job_runs r USING (id)
WHERE seen.status = 'success' AND cardinality(seen.suspicious) > 0
ORDER BY r.started_at DESC, r.id DESC
LIMIT :limit
