-- Log lines that may name an entity: all of them, or those of these runs. A bot's own go as a whole.
SELECT e.id, e.message
FROM job_run_events e
CROSS JOIN LATERAL (SELECT lower(e.message) AS text OFFSET 0) b
WHERE (:only::uuid[] IS NULL OR e.run_id = ANY (:only::uuid[]))
    AND EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
    AND NOT EXISTS (SELECT FROM job_runs r WHERE r.id = e.run_id AND lower(r.bot_id) = :bot::text)
