-- What was deleted goes from everything that quoted it: versions, drafts, plans and what undo would bring
-- back. The ids stay, so that reading shows where something was.
WITH gone AS (
    DELETE FROM entity_profile_scrubs WHERE profile_id = :profile_id RETURNING attribute_id
),
named AS (
    SELECT p.id, p.entity_type || '/' || p.entity_id AS object, g.ids
    FROM entity_profiles p
    CROSS JOIN (SELECT array_agg(attribute_id) AS ids FROM gone) g
    WHERE p.id = :profile_id AND g.ids IS NOT NULL
),
quoting AS MATERIALIZED (
    SELECT v.id, v.version, named.ids, bawt_redacted(v.sentences, named.ids) AS sentences
    FROM named
    JOIN entity_profile_versions v ON v.profile_id = named.id
    WHERE EXISTS (SELECT FROM bawt_cited_ids(v.sentences) AS id WHERE id = ANY (named.ids))
),
versions AS (
    UPDATE entity_profile_versions v
    SET sentences = q.sentences, summary = bawt_summary(q.sentences), sources = v.sources - q.ids::text[],
        details = v.details - 'display_name'
    FROM quoting q
    WHERE v.id = q.id
),
drafts AS (
    -- A draft rests on everything its model was shown; where that is not known, on what it cites.
    UPDATE entity_profile_drafts d
    SET draft = '[deleted]'
    FROM named
    WHERE d.profile_id = named.id AND CASE
        WHEN d.attribute_ids IS NOT NULL THEN d.attribute_ids && named.ids
        ELSE d.draft ~ ('\[\s*(' || array_to_string(named.ids, '|') || ')\s*[],]')
    END
),
plans AS (
    UPDATE run_plans p
    SET plan = bawt_redacted_plan(p.plan, named.object, named.ids)
    FROM named
    WHERE p.objects ? named.object
),
changes AS (
    UPDATE entity_profile_changes c
    SET before.display_name = NULL
    FROM named
    WHERE c.profile_id = named.id AND (c.before).version IN (SELECT version FROM quoting)
)
SELECT count(*) FROM gone
