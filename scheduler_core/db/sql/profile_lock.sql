-- In the order in which imports take them, so that the two cannot deadlock.
SELECT p.id, p.entity_type, p.entity_id
FROM entity_profiles p
JOIN unnest(:entity_types::text[], :entity_ids::text[]) AS n (entity_type, entity_id) USING (entity_type, entity_id)
ORDER BY p.entity_type, p.entity_id
FOR NO KEY UPDATE OF p
