-- Runs that may name an entity: all of them, or only these.
SELECT r.id, r.bot_id, r.result_json, r.error_message, r.progress, r.reason, r.suspicious
FROM job_runs r
CROSS JOIN LATERAL (
    SELECT lower(concat_ws(
        E'\n', r.result_json, r.error_message, r.progress, r.reason, array_to_string(r.suspicious, E'\n')
    )) AS text OFFSET 0
) b
WHERE (:only::uuid[] IS NULL OR r.id = ANY (:only::uuid[])) AND (
    lower(r.bot_id) = :bot::text
    OR EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
)
