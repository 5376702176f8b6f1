SELECT lower(p.entity_type::text) || '/' || p.entity_id AS entity, a.attributes, count(*) OVER () AS total
FROM entity_profiles p
CROSS JOIN LATERAL (
    SELECT count(*) AS attributes FROM entity_profile_attributes a
    WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
        AND a.created_at::timestamptz < now() - make_interval(secs => :after)
) a
WHERE coalesce(p.summary, '') = '' AND a.attributes > 0
ORDER BY entity
LIMIT :limit
