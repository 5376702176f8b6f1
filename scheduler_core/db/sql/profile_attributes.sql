SELECT a.entity_type, a.entity_id, a.id, a.category, a.key, a.value::text AS value, a.confidence, a.source,
    a.source_message_id, a.created_at, a.updated_at, a.pinned
FROM unnest(:entity_types::text[], :entity_ids::text[]) AS n (entity_type, entity_id)
JOIN entity_profile_attributes a USING (entity_type, entity_id)
ORDER BY a.id
