-- The profile rows are locked, so numbers have no gaps. No row for a profile that somebody published since
-- its plan was made.
WITH planned AS (
    SELECT n.profile_id, n.version, n.summary, n.sentences::jsonb AS sentences, n.revision, n.model,
        n.details::jsonb AS details
    FROM unnest(
        :profile_ids::integer[], :versions::integer[], :summaries::text[], :sentences::text[],
        :revisions::bigint[], :models::text[], :details::text[]
    ) AS n (profile_id, version, summary, sentences, revision, model, details)
)
INSERT INTO entity_profile_versions (
    profile_id, version, run_id, summary, sentences, revision, model, details, sources
)
SELECT p.id, n.version, :run_id::uuid, n.summary, n.sentences, n.revision, n.model, n.details,
    -- How each cited attribute reads now, so that a later look can tell whether it changed.
    (
        SELECT coalesce(jsonb_object_agg(a.id, bawt_attribute_print(a)), '{}')
        FROM entity_profile_attributes a
        WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
            AND a.id = ANY (ARRAY(SELECT bawt_cited_ids(n.sentences)))
    )
FROM planned n
JOIN entity_profiles p ON p.id = n.profile_id
WHERE n.version - 1 = (
    SELECT coalesce(max(v.version), 0) FROM entity_profile_versions v WHERE v.profile_id = n.profile_id
)
RETURNING profile_id, version, created_at
