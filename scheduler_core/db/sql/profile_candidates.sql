-- Stored attributes that an incoming one could repeat.
SELECT a.entity_type, a.entity_id, a.category, a.key, a.value::text AS value, a.confidence, a.source, a.updated_at
FROM (
    SELECT DISTINCT * FROM unnest(:entity_types::text[], :entity_ids::text[], :categories::text[], :keys::text[])
) AS n (entity_type, entity_id, category, key)
JOIN entity_profile_attributes a USING (entity_type, entity_id, category, key)
