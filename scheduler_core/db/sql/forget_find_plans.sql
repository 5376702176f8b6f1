-- Plans that may name an entity: all of them, or those of these runs.
SELECT p.run_id, p.plan::text AS plan
FROM run_plans p
CROSS JOIN LATERAL (SELECT lower(p.plan::text) AS text OFFSET 0) b
WHERE (:only::uuid[] IS NULL OR p.run_id = ANY (:only::uuid[]))
    AND EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
