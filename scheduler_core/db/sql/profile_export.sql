-- In the order of bytes, whatever the database's language, so that an export is the same everywhere.
SELECT entity_type, entity_id, id, category, key, value::text AS value, confidence, source, source_message_id,
    created_at, updated_at, pinned
FROM entity_profile_attributes
WHERE :entity_type::text IS NULL OR (entity_type = :entity_type AND entity_id = :entity_id::text)
ORDER BY entity_type COLLATE "C", entity_id COLLATE "C", id
