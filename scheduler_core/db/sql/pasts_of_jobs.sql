-- What the latest 200 ordinary runs of some jobs tell, read once for all of it: a job that runs every minute costs no
-- more, whatever the history.
SELECT wanted.id,
    past.strip,
    past.p50_ms,
    past.p95_ms,
    past.share_ok,
    past.p95_start_delay
FROM unnest(:jobs::text[]::uuid[]) AS wanted (id)
LEFT JOIN LATERAL (
    SELECT
        array_agg(
            CASE WHEN cardinality(t.suspicious) > 0 THEN 'suspicious ' ELSE '' END || t.status
            ORDER BY t.place DESC
        ) FILTER (WHERE t.place <= 30) AS strip,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY t.duration_ms) FILTER (WHERE t.status = 'success') AS p50_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY t.duration_ms) FILTER (WHERE t.status = 'success') AS p95_ms,
        avg((t.status = 'success')::integer) FILTER (
            WHERE t.status IN ('success', 'failed') AND t.started_at > now() - interval '7 days'
        )::double precision AS share_ok,
        percentile_cont(0.95) WITHIN GROUP (
            ORDER BY greatest(0, extract(epoch FROM t.started_at - t.scheduled_for))::double precision
        ) FILTER (WHERE t.trigger = 'schedule' AND t.status <> 'skipped') AS p95_start_delay
    FROM (
        SELECT r.id, r.status, r.suspicious, r.started_at, r.scheduled_for, r.trigger, r.duration_ms,
            row_number() OVER (ORDER BY r.started_at DESC, r.id DESC) AS place
        FROM job_runs r
        WHERE r.job_id = wanted.id AND r.status IN ('success', 'failed', 'skipped') AND r.started_at IS NOT NULL
            AND r.mode = 'run'
        ORDER BY r.started_at DESC, r.id DESC LIMIT 200
    ) t
) past ON true
