-- Resident bytes, the processes of its models included; NULL where a node does not say. It changes with every
-- heartbeat, so no trigger looks at it: a heartbeat tells nobody anything.
ALTER TABLE scheduler_nodes ADD COLUMN memory_bytes bigint CHECK (memory_bytes >= 0);
