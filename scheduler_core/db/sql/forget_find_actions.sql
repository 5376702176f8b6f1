-- What people did that may name an entity.
SELECT a.id, a.object_type, a.object_id, a.reason, a.details::text AS details
FROM operator_actions a
CROSS JOIN LATERAL (SELECT lower(concat_ws(E'\n', a.object_id, a.reason, a.details::text)) AS text OFFSET 0) b
WHERE EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
    OR a.object_type = 'memory' AND starts_with(lower(a.object_id), :bot::text || '/')
