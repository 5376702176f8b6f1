-- Zero rows: an attribute changed since the summary was planned.
WITH released AS (
    DELETE FROM entity_profile_holds h USING entity_profiles p
    WHERE h.profile_id = p.id AND p.entity_type = :entity_type AND p.entity_id = :entity_id
)
UPDATE entity_profiles p
SET summary = :summary,
    summary_updated_at = CASE WHEN :text_changed::boolean THEN now() ELSE summary_updated_at END,
    summarised_revision = revision,
    summary_model = :model,
    summary_recipe = :recipe,
    -- A name that came from an attribute goes with it; one that came from elsewhere stays.
    display_name = coalesce(:display_name, nullif(p.display_name, (
        SELECT v.details ->> 'display_name' FROM entity_profile_versions v
        WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
    ))),
    updated_at = now()
WHERE entity_type = :entity_type AND entity_id = :entity_id AND revision = :revision
RETURNING EXISTS (SELECT FROM entity_profile_scrubs s WHERE s.profile_id = p.id) AS must_redact
