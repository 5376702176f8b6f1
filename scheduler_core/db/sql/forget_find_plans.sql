-- Plans that may name an entity: all of them, or those of these runs. A bot's own go as a whole.
SELECT p.run_id, p.plan::text AS plan
FROM run_plans p
CROSS JOIN LATERAL (SELECT lower(p.plan::text) AS text OFFSET 0) b
WHERE (:only::uuid[] IS NULL OR p.run_id = ANY (:only::uuid[]))
    AND EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
    AND NOT EXISTS (SELECT FROM job_runs r WHERE r.id = p.run_id AND lower(r.bot_id) = :bot::text)
