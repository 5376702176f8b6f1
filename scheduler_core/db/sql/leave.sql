-- Says goodbye: nothing of this node is waited for any longer.
UPDATE scheduler_nodes
SET state = 'stopped', heartbeat_at = now(), lease_expires_at = now(), running = 0
WHERE id = :node
