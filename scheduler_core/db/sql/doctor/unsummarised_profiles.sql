-- The database counts changes of attributes; these wait longer than any schedule of ours lets them.
SELECT p.entity_type || '/' || p.entity_id AS entity, p.revision - coalesce(p.summarised_revision, 0) AS newer,
    p.summary_updated_at AS since, count(*) OVER () AS total
FROM entity_profiles p
WHERE p.summarised_revision IS DISTINCT FROM p.revision AND EXISTS (
    SELECT FROM entity_profile_attributes a
    WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
    HAVING max(greatest(a.created_at, a.updated_at)) < now() - make_interval(secs => :after)
)
ORDER BY entity
LIMIT :limit
