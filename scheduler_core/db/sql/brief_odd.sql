-- Successes to look at twice; of very many runs, among the newest. A dry run changed nothing.
WITH seen AS MATERIALIZED (
    SELECT id, status, mode, cardinality(suspicious) AS marks, started_at FROM job_runs
    WHERE status IN ('success', 'failed', 'skipped') AND started_at >= :since AND started_at < :until
    ORDER BY started_at DESC, id DESC
    LIMIT :most
),
-- Limited before their rows are read again, so that this goes by the key.
odd AS MATERIALIZED (
    SELECT id FROM seen WHERE status = 'success' AND marks > 0 AND mode <> 'dry_run'
    ORDER BY started_at DESC, id DESC
    LIMIT :limit
)
SELECT r.* FROM odd JOIN job_runs r USING (id)
ORDER BY r.started_at DESC, r.id DESC
