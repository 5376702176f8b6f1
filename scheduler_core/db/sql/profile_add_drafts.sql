INSERT INTO entity_profile_drafts (profile_id, run_id, category, draft, failures, attribute_ids)
SELECT p.id, :run_id::uuid, d.category, d.draft, d.failures::jsonb,
    CASE WHEN d.ids IS NOT NULL THEN ARRAY(
        SELECT id::integer FROM jsonb_path_query(d.ids::jsonb, '$[*]') AS id
    ) END
FROM entity_profiles p,
    unnest(:categories::text[], :drafts::text[], :failures::text[], :ids::text[])
        AS d (category, draft, failures, ids)
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
