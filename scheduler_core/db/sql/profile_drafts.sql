SELECT d.category, d.draft, d.failures::text AS failures, d.attribute_ids, d.created_at, d.run_id
FROM entity_profile_drafts d
JOIN entity_profiles p ON p.id = d.profile_id
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
ORDER BY d.id
