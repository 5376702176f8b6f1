-- One row for each profile that is live as planned; none for one of which an attribute changed since.
WITH planned AS (
    SELECT * FROM unnest(
        :profile_ids::integer[], :revisions::bigint[], :summaries::text[], :models::text[], :recipes::integer[],
        :display_names::text[], :text_changed::boolean[]
    ) AS n (profile_id, revision, summary, model, recipe, display_name, text_changed)
),
released AS (
    DELETE FROM entity_profile_holds h USING planned n WHERE h.profile_id = n.profile_id
)
UPDATE entity_profiles p
SET summary = n.summary,
    summary_updated_at = CASE WHEN n.text_changed THEN now() ELSE p.summary_updated_at END,
    summarised_revision = p.revision,
    summary_model = n.model,
    summary_recipe = n.recipe,
    -- A name that came from an attribute goes with it; one that came from elsewhere stays.
    display_name = coalesce(n.display_name, nullif(p.display_name, (
        SELECT v.details ->> 'display_name' FROM entity_profile_versions v
        WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
    ))),
    updated_at = now()
FROM planned n
WHERE p.id = n.profile_id AND p.revision = n.revision
RETURNING p.id, EXISTS (SELECT FROM entity_profile_scrubs s WHERE s.profile_id = p.id) AS must_redact
