-- What is known of an entity in words: plain texts, and JSON whose strings are meant.
SELECT false AS is_json, t.text
FROM entity_profiles p
CROSS JOIN LATERAL (VALUES (p.display_name), (p.email), (p.description), (p.summary)) AS t (text)
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id AND t.text IS NOT NULL
UNION ALL
SELECT true, a.value::text FROM entity_profile_attributes a
WHERE a.entity_type = :entity_type AND a.entity_id = :entity_id
UNION ALL
SELECT true, jsonb_path_query_array(v.sentences, '$[*].text')::text
FROM entity_profile_versions v JOIN entity_profiles p ON p.id = v.profile_id
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
UNION ALL
SELECT false, t.text
FROM entity_profile_versions v JOIN entity_profiles p ON p.id = v.profile_id
CROSS JOIN LATERAL (VALUES (v.summary), (v.details ->> 'display_name')) AS t (text)
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id AND t.text IS NOT NULL
UNION ALL
SELECT false, d.draft
FROM entity_profile_drafts d JOIN entity_profiles p ON p.id = d.profile_id
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id
UNION ALL
SELECT true, jsonb_path_query_array(c, '$.*[*].text')::text
FROM run_plans r CROSS JOIN LATERAL jsonb_path_query(r.plan, '$.changes[*]') AS c
WHERE r.objects ? (:entity_type || '/' || :entity_id)
    AND c ->> 'object' = :entity_type || '/' || :entity_id
