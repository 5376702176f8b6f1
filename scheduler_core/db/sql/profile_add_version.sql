-- The profile row is locked by the publishing UPDATE, so numbers have no gaps. Zero rows: somebody
-- published since the plan was made.
INSERT INTO entity_profile_versions (
    profile_id, version, run_id, summary, sentences, revision, model, details, sources
)
SELECT p.id, :version::integer, :run_id::uuid, :summary, :sentences::jsonb, :revision::bigint,
    :model, :details::jsonb,
    -- How each cited attribute reads now, so that a later look can tell whether it changed.
    (
        SELECT coalesce(jsonb_object_agg(a.id, bawt_attribute_print(a)), '{}')
        FROM entity_profile_attributes a
        WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
            AND a.id = ANY (ARRAY(SELECT bawt_cited_ids(:sentences::jsonb)))
    )
FROM entity_profiles p
WHERE p.id = :profile_id::integer AND :version::integer - 1 = (
    SELECT coalesce(max(version), 0) FROM entity_profile_versions WHERE profile_id = :profile_id::integer
)
RETURNING version, created_at
