-- Starts those runs of the messages that still wait: a message that is doubled or late starts nothing. A run
-- that may not start now goes on waiting, and gets another message when it may.
WITH kind AS (
    SELECT * FROM unnest(:job_types::text[], :limits::integer[]) AS k (job_type, slots)
    -- A node that was stopped for longer than its lease is nobody until its next heartbeat.
    WHERE NOT EXISTS (SELECT FROM scheduler_nodes n WHERE n.id = :node AND n.lease_expires_at <= now())
),
free AS (
    -- Numbered slots of limited types; two nodes that pick the same one collide on a unique index.
    SELECT k.job_type, s.slot, row_number() OVER (PARTITION BY k.job_type ORDER BY s.slot) AS place
    FROM kind k CROSS JOIN LATERAL generate_series(1, k.slots) AS s (slot)
    WHERE NOT EXISTS (
        SELECT FROM job_runs r WHERE r.status = 'running' AND r.job_type = k.job_type AND r.slot = s.slot
    )
),
ranked AS (
    SELECT r.id, r.job_type, k.slots, row_number() OVER (PARTITION BY r.job_type ORDER BY m.place) AS place
    FROM unnest(:ids::uuid[]) WITH ORDINALITY AS m (id, place)
    -- One by one, by their ids: all that wait may be very many more.
    CROSS JOIN LATERAL (
        SELECT j.* FROM job_runs j WHERE j.id = m.id OFFSET 0
    ) r
    JOIN kind k ON k.job_type = r.job_type
    WHERE r.status = 'pending' AND r.available_at <= now()
        -- The pause may have come while the retry was on its way into the table.
        AND (r.trigger <> 'retry' OR (SELECT j.enabled FROM scheduled_jobs j WHERE j.id = r.job_id))
        AND (
            SELECT o.id FROM job_runs o
            WHERE o.job_id = r.job_id AND o.bot_id = r.bot_id AND o.status = 'running'
            LIMIT 1
        ) IS NULL
),
chosen AS MATERIALIZED (
    SELECT ranked.id, free.slot
    FROM ranked LEFT JOIN free USING (job_type, place)
    WHERE ranked.slots IS NULL OR free.slot IS NOT NULL
),
mine AS MATERIALIZED (
    SELECT r.id, chosen.slot FROM chosen JOIN job_runs r ON r.id = chosen.id
    WHERE r.status = 'pending'
    FOR UPDATE OF r SKIP LOCKED
),
started AS (
    UPDATE job_runs r
    SET status = 'running', node_id = :node, slot = mine.slot, started_at = now()
    FROM mine
    WHERE r.id = mine.id
    RETURNING r.id, r.job_id, r.job_type, r.bot_id, r.trigger, r.scheduled_for, r.attempt, r.coalesced,
        r.mode, r.source_run_id
),
touched AS (
    -- A row somebody holds in an open psql transaction must not hold up the run.
    UPDATE scheduled_jobs j SET last_run_at = now()
    WHERE j.id IN (
        SELECT s.id FROM scheduled_jobs s WHERE s.id IN (SELECT job_id FROM started)
        FOR NO KEY UPDATE SKIP LOCKED
    )
)
SELECT s.*, j.config_json FROM started s LEFT JOIN scheduled_jobs j ON j.id = s.job_id
