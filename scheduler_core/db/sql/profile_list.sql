-- Counts are read from the index of the attributes.
SELECT p.entity_type, p.entity_id, p.display_name, p.summary, p.summary_updated_at, p.revision,
    p.summarised_revision, p.summary_model,
    (
        SELECT count(*) FROM entity_profile_attributes a
        WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
    ) AS attributes
FROM entity_profiles p
ORDER BY p.entity_type COLLATE "C", p.entity_id COLLATE "C"
LIMIT :page
