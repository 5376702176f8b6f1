SELECT id, name, CASE WHEN state <> 'stopped' AND lease_expires_at <= now() THEN 'lost' ELSE state END AS state,
    version, started_at, heartbeat_at, running, model, job_types, role, queue, capacity, models,
    memory_bytes
FROM scheduler_nodes
WHERE state <> 'stopped' OR heartbeat_at > now() - interval '1 day'
ORDER BY state, started_at, id
LIMIT 200
