SELECT id, category, key, value::text AS value, confidence, source, source_message_id, created_at, updated_at,
    pinned
FROM entity_profile_attributes
WHERE entity_type = :entity_type AND entity_id = :entity_id
ORDER BY id
