-- Ordinary runs by when they started, in steps of equal length, and (step NULL) all of them together. Of each step at
-- most the newest :most that are over are read, straight from the index, so that no history makes this slow.
WITH step AS (
    SELECT n, :since::timestamptz + n * :length::interval AS starts,
        :since::timestamptz + (n + 1) * :length::interval AS ends
    FROM generate_series(0, :steps::integer - 1) AS n
),
seen AS (
    SELECT step.n, step.ends, r.*,
        -- Whoever was forced, skipped or tried again has no slot to be late for.
        CASE WHEN r.trigger = 'schedule' AND r.status <> 'skipped' THEN
            greatest(0, extract(epoch FROM r.started_at - r.scheduled_for))::double precision
        END AS late
    FROM step
    CROSS JOIN LATERAL (
        SELECT r.status, r.trigger, r.started_at, r.scheduled_for, r.duration_ms,
            cardinality(r.suspicious) > 0 AS is_suspicious
        FROM job_runs r
        WHERE r.status IN ('success', 'failed', 'skipped') AND r.mode = 'run'
            AND r.started_at >= step.starts AND r.started_at < step.ends
        ORDER BY r.started_at DESC
        LIMIT :most
    ) r
    UNION ALL
    SELECT step.n, step.ends, r.status, r.trigger, r.started_at, r.scheduled_for, r.duration_ms, false,
        CASE WHEN r.trigger = 'schedule' THEN
            greatest(0, extract(epoch FROM r.started_at - r.scheduled_for))::double precision
        END
    FROM job_runs r JOIN step ON r.started_at >= step.starts AND r.started_at < step.ends
    WHERE r.status = 'running' AND r.mode = 'run'
)
SELECT step, success, failed, skipped, running, suspicious, longest_ms, read,
    durations[1] AS p50_ms, durations[2] AS p95_ms,
    lateness[1] AS late_p50, lateness[2] AS late_p95, lateness[3] AS latest
FROM (
    SELECT n AS step,
        count(*) FILTER (WHERE status = 'success') AS success,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'skipped') AS skipped,
        count(*) FILTER (WHERE status = 'running') AS running,
        count(*) FILTER (WHERE status = 'success' AND is_suspicious) AS suspicious,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ms)
            FILTER (WHERE status = 'success') AS durations,
        max(duration_ms) FILTER (WHERE status IN ('success', 'failed')) AS longest_ms,
        percentile_cont(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP (ORDER BY late) AS lateness,
        -- How much of the step was read, for those with more runs than that.
        CASE WHEN count(*) FILTER (WHERE status <> 'running') >= :most THEN
            extract(
                epoch FROM max(ends) - min(started_at) FILTER (WHERE status <> 'running')
            )::double precision
        END AS read
    FROM seen
    GROUP BY GROUPING SETS ((n), ())
) summed
