-- Zero rows: an attribute changed since the summary was planned.
UPDATE entity_profiles
SET summary = :summary,
    summary_updated_at = CASE WHEN :text_changed::boolean THEN now() ELSE summary_updated_at END,
    summarised_revision = revision,
    summary_model = :model,
    summary_recipe = :recipe,
    display_name = coalesce(:display_name, display_name),
    updated_at = now()
WHERE entity_type = :entity_type AND entity_id = :entity_id AND revision = :revision
RETURNING id
