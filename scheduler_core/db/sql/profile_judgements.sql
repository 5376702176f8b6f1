-- What was decided about an entity's lines: by one model, or the latest of any.
SELECT DISTINCT ON (j.winner, j.loser) j.winner, j.loser, j.decision
FROM entity_profiles p
JOIN entity_profile_judgements j ON j.profile_id = p.id
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
    AND j.recipe = :recipe::integer AND (:model::text IS NULL OR j.model = :model::text)
ORDER BY j.winner, j.loser, j.judged_at DESC, j.model
