SELECT v.version, v.run_id, v.created_at, v.summary, v.sentences::text AS sentences, v.revision, v.model,
    v.details::text AS details
FROM entity_profile_versions v
JOIN entity_profiles p ON p.id = v.profile_id
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
ORDER BY v.version DESC
LIMIT :page
