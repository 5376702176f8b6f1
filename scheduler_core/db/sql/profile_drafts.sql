SELECT d.category, d.draft, d.failures::text AS failures, d.attribute_ids
FROM entity_profile_drafts d
JOIN entity_profiles p ON p.id = d.profile_id
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
ORDER BY d.id
