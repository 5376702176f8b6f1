-- Log lines that may name an entity: all of them, or those of these runs.
SELECT e.id, e.message
FROM job_run_events e
CROSS JOIN LATERAL (SELECT lower(e.message) AS text OFFSET 0) b
WHERE (:only::uuid[] IS NULL OR e.run_id = ANY (:only::uuid[]))
    AND EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
