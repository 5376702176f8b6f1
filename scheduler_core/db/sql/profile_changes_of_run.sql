-- Each version a run published, followed by the one it replaced.
SELECT p.entity_type, p.entity_id, v.version, v.run_id, v.created_at, v.summary, v.sentences::text AS sentences,
    v.revision, v.model, v.details::text AS details, v.run_id IS NOT DISTINCT FROM :run_id::uuid AS is_after
FROM entity_profile_versions published
JOIN entity_profile_versions v
    ON v.profile_id = published.profile_id AND v.version IN (published.version - 1, published.version)
JOIN entity_profiles p ON p.id = v.profile_id
WHERE published.run_id = :run_id::uuid
GROUP BY p.id, v.id
ORDER BY p.entity_type COLLATE "C", p.entity_id COLLATE "C", v.version
