-- Fails waiting runs that no node could do at any moment of the grace period. What a scheduler that lives
-- knows, and only lacks a worker for, waits ten times as long: workers come and go. The node that asks must have
-- been there all that time: of a time in which nobody was, nobody knows who comes back a little later.
WITH orphan AS MATERIALIZED (
    SELECT r.id, j.needs_model, w.is_known
    FROM job_runs r
    JOIN scheduler_nodes asking ON asking.id = :node AND asking.lease_expires_at > now()
    LEFT JOIN scheduled_jobs j ON j.id = r.job_id
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM scheduler_nodes n
            WHERE n.lease_expires_at > now() AND n.state = 'active' AND r.job_type = ANY (n.job_types)
        ) AS is_known
    ) w
    CROSS JOIN LATERAL (
        SELECT now() - make_interval(secs => :grace * CASE WHEN w.is_known THEN 10 ELSE 1 END) AS began
    ) g
    WHERE r.status = 'pending' AND r.available_at < now() - make_interval(secs => :grace)
        AND greatest(r.available_at, asking.started_at) < g.began
        AND NOT EXISTS (
            SELECT FROM scheduler_nodes n
            WHERE n.role <> 'scheduler' AND r.job_type = ANY (n.job_types)
                AND (j.needs_model IS NULL OR j.needs_model = ANY (n.models))
                AND n.lease_expires_at > g.began
        )
    LIMIT :batch
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE job_runs r
SET status = 'failed', started_at = now(), finished_at = now(), duration_ms = 0,
    error_message = CASE
        WHEN NOT orphan.is_known THEN 'No running node knows the job type ' || r.job_type || '.'
        WHEN orphan.needs_model IS NOT NULL THEN 'No running worker of the job type ' || r.job_type || ' has the model '
            || orphan.needs_model || '.'
        ELSE 'No running worker can do the job type ' || r.job_type || '.'
    END
FROM orphan
WHERE r.id = orphan.id
RETURNING r.id
