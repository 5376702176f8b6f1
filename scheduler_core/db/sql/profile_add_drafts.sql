INSERT INTO entity_profile_drafts (profile_id, run_id, category, draft, failures)
SELECT p.id, :run_id::uuid, d.category, d.draft, d.failures::jsonb
FROM entity_profiles p,
    unnest(:categories::text[], :drafts::text[], :failures::text[]) AS d (category, draft, failures)
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
