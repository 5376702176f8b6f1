-- Takes waiting runs up to this node's free capacity, fairly across job types. Rows without a job type are runs whose
-- turn it was, and that somebody else has locked.
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
    SELECT k.job_type, k.slots, w.id, w.available_at,
        row_number() OVER (PARTITION BY k.job_type ORDER BY w.available_at) AS place
    FROM kind k
    CROSS JOIN LATERAL (
        SELECT r.id, r.available_at FROM job_runs r
        WHERE r.status = 'pending' AND r.job_type = k.job_type AND r.available_at <= now()
            AND r.id <> ALL (:without::uuid[])
            AND NOT EXISTS (
                SELECT FROM job_runs o
                WHERE o.job_id = r.job_id AND o.bot_id = r.bot_id AND o.status = 'running'
            )
            -- The pause may have come while the retry was on its way into the table.
            AND (r.trigger <> 'retry' OR (SELECT j.enabled FROM scheduled_jobs j WHERE j.id = r.job_id))
            -- Few jobs need a certain model, so those that this node does not have are read once.
            AND (r.job_id = ANY (ARRAY(
                SELECT j.id FROM scheduled_jobs j
                WHERE j.needs_model IS NOT NULL AND NOT EXISTS (
                    SELECT FROM scheduler_nodes n WHERE n.id = :node AND j.needs_model = ANY (n.models)
                )
            ))) IS NOT TRUE
        ORDER BY r.available_at
        LIMIT :capacity
    ) w
),
chosen AS MATERIALIZED (
    -- One of each type before a second of any: a big batch never starves another type.
    SELECT ranked.id, free.slot
    FROM ranked LEFT JOIN free USING (job_type, place)
    WHERE ranked.slots IS NULL OR free.slot IS NOT NULL
    ORDER BY ranked.place, ranked.available_at
    LIMIT :capacity
),
mine AS MATERIALIZED (
    SELECT r.id, c.slot FROM job_runs r JOIN chosen c ON c.id = r.id
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
UNION ALL
SELECT c.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM chosen c
WHERE c.id <> ALL (ARRAY(SELECT m.id FROM mine m))
