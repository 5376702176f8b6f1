-- Profiles, each with the number of its latest version and the database's clock.
SELECT p.id, p.entity_type, p.entity_id, p.display_name, p.summary, p.summary_updated_at, p.revision,
    p.summarised_revision, p.summary_model, p.summary_recipe, now() AS at,
    EXISTS (
        SELECT FROM entity_profile_holds h WHERE h.profile_id = p.id AND h.revision = p.revision
    ) AS held,
    v.version, v.run_id, v.created_at AS version_created_at, v.summary AS version_summary,
    v.sentences::text AS sentences, v.revision AS version_revision, v.model, v.details::text AS details
FROM unnest(:entity_types::text[], :entity_ids::text[]) AS n (entity_type, entity_id)
JOIN entity_profiles p USING (entity_type, entity_id)
LEFT JOIN LATERAL (
    SELECT * FROM entity_profile_versions v WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
) v ON true
