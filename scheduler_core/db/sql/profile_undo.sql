-- Puts every profile that a run changed back as it was, with its earlier version as the newest one. The
-- caller locked the profiles and found no obstacle.
WITH change AS MATERIALIZED (
    SELECT c.profile_id, c.before, c.after, r.mode = 'undo' AS again
    FROM entity_profile_changes c JOIN job_runs r ON r.id = c.run_id
    WHERE c.run_id = :source_run_id
),
versions AS (
    INSERT INTO entity_profile_versions (
        profile_id, version, run_id, summary, sentences, revision, model, details, sources
    )
    SELECT p.id, (SELECT max(v.version) + 1 FROM entity_profile_versions v WHERE v.profile_id = p.id), :run_id::uuid,
        coalesce(o.summary, ''), coalesce(o.sentences, '[]'), coalesce(o.revision, p.revision), o.model,
        coalesce(o.details, '{}'), coalesce(o.sources, '{}')
    FROM change c
    JOIN entity_profiles p ON p.id = c.profile_id
    LEFT JOIN entity_profile_versions o ON o.profile_id = p.id AND o.version = (c.before).version
    WHERE (c.before).version <> (c.after).version
),
marked AS (
    UPDATE entity_profile_changes SET undone_by = :run_id WHERE run_id = :source_run_id
),
held AS (
    -- The undone revision counts as summarised, so that the next run does not do it again by itself.
    INSERT INTO entity_profile_holds (profile_id, revision)
    SELECT c.profile_id, (c.after).summarised_revision FROM change c
    WHERE NOT c.again AND (c.after).summarised_revision IS NOT NULL
    ON CONFLICT (profile_id) DO UPDATE SET revision = EXCLUDED.revision
),
released AS (
    DELETE FROM entity_profile_holds h USING change c WHERE c.again AND h.profile_id = c.profile_id
)
UPDATE entity_profiles p
SET summary = CASE
        WHEN (c.before).version = (c.after).version THEN p.summary
        WHEN (c.before).summary_version = 0 THEN ''
        ELSE (
            SELECT v.summary FROM entity_profile_versions v
            WHERE v.profile_id = p.id AND v.version = (c.before).summary_version
        )
    END,
    summary_updated_at = (c.before).summary_updated_at,
    summarised_revision = (c.before).summarised_revision,
    summary_model = (c.before).summary_model,
    summary_recipe = (c.before).summary_recipe,
    display_name = (c.before).display_name,
    -- Unless an attribute came since.
    updated_at = CASE WHEN p.updated_at = (c.after).updated_at THEN (c.before).updated_at ELSE now() END
FROM change c
WHERE p.id = c.profile_id
RETURNING p.entity_type, p.entity_id
