-- Waiting runs that get a message now: as many as workers who can do them could take at once, fairly across
-- job types. A run has one message at most, so whatever became of an earlier one does not matter.
WITH ability AS MATERIALIZED (
    SELECT n.capacity, n.models, t.job_type, t.slots
    FROM scheduler_nodes n
    CROSS JOIN LATERAL unnest(n.job_types, n.job_limits) AS t (job_type, slots)
    WHERE n.queue = 'pgqueuer' AND n.role <> 'scheduler' AND n.state = 'active' AND n.lease_expires_at > now()
),
sent AS MATERIALIZED (
    SELECT m.entrypoint, split_part(m.entrypoint, '@', 1) AS job_type, count(*) AS messages
    FROM bawt_pgqueuer.pgqueuer m WHERE m.status = 'queued' GROUP BY m.entrypoint
),
lane AS (
    -- Runs that any worker of their type can do travel apart from those that need a certain model.
    SELECT a.job_type, NULL::text AS model, a.job_type AS entrypoint, sum(a.capacity) AS capacity
    FROM ability a GROUP BY a.job_type
    UNION ALL
    SELECT a.job_type, m.model, a.job_type || '@' || m.model, sum(a.capacity)
    FROM ability a CROSS JOIN LATERAL unnest(a.models) AS m (model)
    WHERE m.model IN (SELECT j.needs_model FROM scheduled_jobs j WHERE j.needs_model IS NOT NULL)
    GROUP BY a.job_type, m.model
),
kind AS (
    -- A type that only some workers limit is limited. Where their limits differ, as while a release is rolled
    -- out, the smallest counts: no message goes to a worker that may not start its run.
    SELECT a.job_type, min(a.slots) AS slots,
        min(a.slots) - (
            SELECT count(*) FROM job_runs r
            WHERE r.status = 'running' AND r.job_type = a.job_type AND r.slot IS NOT NULL
        ) - coalesce((SELECT sum(s.messages) FROM sent s WHERE s.job_type = a.job_type), 0) AS free
    FROM ability a GROUP BY a.job_type
),
picky AS MATERIALIZED (
    SELECT j.id, j.needs_model FROM scheduled_jobs j WHERE j.needs_model IS NOT NULL
),
ranked AS (
    SELECT w.id, w.available_at, l.entrypoint, k.slots, k.free,
        row_number() OVER (PARTITION BY l.job_type ORDER BY w.available_at, w.id) AS place
    FROM lane l
    JOIN kind k USING (job_type)
    LEFT JOIN sent s USING (entrypoint)
    CROSS JOIN LATERAL (
        SELECT r.id, r.available_at FROM job_runs r
        WHERE r.status = 'pending' AND r.job_type = l.job_type AND r.available_at <= now()
            AND (SELECT p.needs_model FROM picky p WHERE p.id = r.job_id) IS NOT DISTINCT FROM l.model
            -- The pause may have come while the retry was on its way into the table.
            AND (r.trigger <> 'retry' OR (SELECT j.enabled FROM scheduled_jobs j WHERE j.id = r.job_id))
            -- Looked up for each, and never joined: a plan that was made while the tables were empty would join
            -- by reading all of them.
            AND (
                SELECT o.id FROM job_runs o
                WHERE o.job_id = r.job_id AND o.bot_id = r.bot_id AND o.status = 'running'
                LIMIT 1
            ) IS NULL
            AND (
                SELECT m.id FROM bawt_pgqueuer.pgqueuer m
                WHERE m.dedupe_key = r.id::text AND m.status IN ('queued', 'picked')
                LIMIT 1
            ) IS NULL
        ORDER BY r.available_at
        LIMIT greatest(0, least(:most, l.capacity - coalesce(s.messages, 0)))
    ) w
)
SELECT id, entrypoint FROM ranked
WHERE slots IS NULL OR place <= free
-- One of each type before a second of any: a big batch never starves another type.
ORDER BY place, available_at
LIMIT :most
