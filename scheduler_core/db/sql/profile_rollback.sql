-- Makes an earlier version live again, as a new one. The caller locked the profile.
WITH earlier AS (
    SELECT v.* FROM entity_profile_versions v WHERE v.profile_id = :profile_id AND v.version = :version
),
held AS (
    -- Until an attribute changes, what a person chose stays.
    INSERT INTO entity_profile_holds (profile_id, revision)
    SELECT p.id, p.revision FROM entity_profiles p WHERE p.id = :profile_id
    ON CONFLICT (profile_id) DO UPDATE SET revision = EXCLUDED.revision
),
live AS (
    UPDATE entity_profiles p
    SET summary = nullif(e.summary, ''), summary_updated_at = now(), summarised_revision = e.revision,
        summary_model = e.model, summary_recipe = NULL, updated_at = now(),
        display_name = coalesce(e.details ->> 'display_name', p.display_name)
    FROM earlier e
    WHERE p.id = e.profile_id
)
INSERT INTO entity_profile_versions (
    profile_id, version, run_id, summary, sentences, revision, model, details, sources
)
SELECT e.profile_id,
    (SELECT max(v.version) + 1 FROM entity_profile_versions v WHERE v.profile_id = :profile_id),
    :run_id::uuid, e.summary, e.sentences, e.revision, e.model, e.details, e.sources
FROM earlier e
RETURNING version
