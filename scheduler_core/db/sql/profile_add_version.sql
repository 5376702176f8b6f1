-- The profile row is locked by the publishing UPDATE, so numbers have no gaps. Zero rows: somebody
-- published since the plan was made.
INSERT INTO entity_profile_versions (
    profile_id, version, run_id, summary, sentences, revision, model, details
)
SELECT :profile_id::integer, :version::integer, :run_id::uuid, :summary, :sentences::jsonb, :revision::bigint,
    :model, :details::jsonb
WHERE :version::integer - 1 = (
    SELECT coalesce(max(version), 0) FROM entity_profile_versions WHERE profile_id = :profile_id::integer
)
RETURNING version, created_at
