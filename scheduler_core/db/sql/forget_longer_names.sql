-- Entities whose name holds this one's.
SELECT entity_type || '/' || entity_id AS name
FROM entity_profiles
WHERE entity_id <> :entity_id AND strpos(entity_id, :entity_id) > 0
