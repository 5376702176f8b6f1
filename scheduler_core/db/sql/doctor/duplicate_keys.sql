-- One key stored several times. `:only_equal` leaves out those whose values differ.
SELECT lower(entity_type::text) || '/' || entity_id AS entity, lower(category) || '/' || lower(key) AS key,
    count(*) AS copies, count(DISTINCT coalesce(value::text, 'null')) AS different, count(*) OVER () AS total
FROM entity_profile_attributes
GROUP BY 1, 2
HAVING count(*) > CASE WHEN :only_equal::boolean THEN count(DISTINCT coalesce(value::text, 'null')) ELSE 1 END
ORDER BY entity, key
LIMIT :limit
