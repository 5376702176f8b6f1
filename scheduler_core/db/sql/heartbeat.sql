-- Renews the lease of everything this node runs; makes the node's row again if somebody removed it.
INSERT INTO scheduler_nodes (
    id, name, state, version, job_types, lease_expires_at, running, model, role, queue, capacity, job_limits, models,
    memory_bytes
)
VALUES (
    :node, :name, :state, :version, :job_types, now() + make_interval(secs => :lease), :running, :model,
    :role, :queue, :capacity, :job_limits, :models, :memory_bytes
)
ON CONFLICT (id) DO UPDATE
SET heartbeat_at = now(), lease_expires_at = excluded.lease_expires_at, state = excluded.state,
    running = excluded.running, model = excluded.model, job_types = excluded.job_types,
    capacity = excluded.capacity, job_limits = excluded.job_limits, models = excluded.models,
    memory_bytes = excluded.memory_bytes
-- And when the next lease of somebody else runs out, unless it is renewed.
RETURNING (
    SELECT extract(epoch FROM min(n.lease_expires_at) - now())::float8 FROM scheduler_nodes n
    WHERE n.id <> :node AND n.state <> 'stopped' AND n.lease_expires_at > now()
)
