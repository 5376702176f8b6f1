-- Entities whose name begins like this one's.
SELECT entity_type || '/' || entity_id AS name
FROM entity_profiles
WHERE entity_type = :entity_type AND entity_id <> :entity_id AND starts_with(entity_id, :entity_id)
