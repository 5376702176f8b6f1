-- What was decided about entities' lines: by one model, or the latest of any.
SELECT DISTINCT ON (p.id, j.winner, j.loser) p.entity_type, p.entity_id, j.winner, j.loser, j.decision
FROM unnest(:entity_types::text[], :entity_ids::text[]) AS n (entity_type, entity_id)
JOIN entity_profiles p USING (entity_type, entity_id)
JOIN entity_profile_judgements j ON j.profile_id = p.id
WHERE j.recipe = :recipe::integer AND (:model::text IS NULL OR j.model = :model::text)
ORDER BY p.id, j.winner, j.loser, j.judged_at DESC, j.model
