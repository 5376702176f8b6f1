-- The longest ordinary success of each job in this time, and how long its successes usually take.
WITH longest AS MATERIALIZED (
    SELECT DISTINCT ON (job_id) job_id, id, duration_ms FROM (
        SELECT id, job_id, status, mode, duration_ms FROM job_runs
        WHERE status IN ('success', 'failed', 'skipped') AND started_at >= :since AND started_at < :until
        ORDER BY started_at DESC, id DESC
        LIMIT :most
    ) seen
    WHERE status = 'success' AND mode = 'run' AND job_id IS NOT NULL AND duration_ms >= 1000
    ORDER BY job_id, duration_ms DESC, id
),
-- Of many jobs only those with the longest runs are compared.
candidates AS MATERIALIZED (
    SELECT * FROM longest ORDER BY duration_ms DESC LIMIT 200
)
SELECT r.*, usual.p50_ms
FROM candidates c
JOIN job_runs r ON r.id = c.id
JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t.duration_ms) AS p50_ms, count(*) AS runs
    FROM (
        SELECT s.duration_ms, s.status FROM job_runs s
        WHERE s.job_id = c.job_id AND s.status IN ('success', 'failed', 'skipped') AND s.started_at IS NOT NULL
            AND s.mode = 'run'
        ORDER BY s.started_at DESC, s.id DESC LIMIT 200
    ) t
    WHERE t.status = 'success'
) usual ON usual.runs >= 3 AND usual.p50_ms > 0
WHERE r.duration_ms >= 1.5 * usual.p50_ms
ORDER BY r.duration_ms / usual.p50_ms DESC, r.id
LIMIT :limit
