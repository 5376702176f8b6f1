-- Summaries that are older than an attribute they should tell of. What changed only now still gets its turn.
SELECT lower(p.entity_type::text) || '/' || p.entity_id AS entity, a.newer,
    p.summary_updated_at::timestamptz AS since, count(*) OVER () AS total
FROM entity_profiles p
CROSS JOIN LATERAL (
    SELECT count(*) AS newer FROM entity_profile_attributes a
    WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
        AND a.updated_at::timestamptz > p.summary_updated_at::timestamptz
        AND a.updated_at::timestamptz < now() - make_interval(secs => :after)
) a
WHERE p.summary IS NOT NULL AND a.newer > 0
ORDER BY entity
LIMIT :limit
