-- Which of these texts somebody else has too, so that finding them later says nothing about this entity.
WITH body AS (
    SELECT concat_ws(E'\n', p.display_name, p.email, p.description, p.summary) AS text
    FROM entity_profiles p WHERE (p.entity_type, p.entity_id) <> (:entity_type::text, :entity_id::text)
    UNION ALL
    -- A bot may be called like a person.
    SELECT p.entity_id FROM entity_profiles p WHERE p.entity_id = :entity_id AND p.entity_type <> :entity_type
    UNION ALL
    SELECT concat_ws(E'\n', a.category, a.key, a.source, a.value::text) FROM entity_profile_attributes a
    WHERE (a.entity_type, a.entity_id) <> (:entity_type::text, :entity_id::text)
    UNION ALL
    SELECT concat_ws(E'\n', v.summary, v.sentences::text) FROM entity_profile_versions v
    JOIN entity_profiles p ON p.id = v.profile_id
    WHERE (p.entity_type, p.entity_id) <> (:entity_type::text, :entity_id::text)
    UNION ALL
    SELECT d.draft FROM entity_profile_drafts d
    JOIN entity_profiles p ON p.id = d.profile_id
    WHERE (p.entity_type, p.entity_id) <> (:entity_type::text, :entity_id::text)
    UNION ALL
    SELECT c::text FROM run_plans r CROSS JOIN LATERAL jsonb_path_query(r.plan, '$.changes[*]') AS c
    WHERE c ->> 'object' <> :entity_type || '/' || :entity_id
    UNION ALL
    SELECT to_jsonb(m)::text FROM memories m WHERE :bot::text IS NULL OR lower(m.bot_id) <> :bot::text
    UNION ALL
    SELECT a.memory::text FROM memory_archive a WHERE :bot::text IS NULL OR lower(a.bot_id) <> :bot::text
    UNION ALL
    -- Accounts of this machine, which are no entities even where they are spelt alike.
    SELECT DISTINCT actor FROM operator_actions
    UNION ALL
    SELECT DISTINCT concat_ws(E'\n', cancel_requested_by) FROM job_runs
    UNION ALL
    SELECT concat_ws(E'\n', paused_by) FROM scheduled_jobs
    UNION ALL
    SELECT concat_ws(E'\n', name, model) FROM scheduler_nodes
),
lowered AS MATERIALIZED (SELECT lower(text) AS text FROM body)
SELECT DISTINCT n.place
FROM unnest(:places::integer[], :forms::text[], :patterns::text[]) AS n (place, form, pattern)
JOIN lowered b ON strpos(b.text, lower(n.form)) > 0 AND b.text ~* n.pattern
