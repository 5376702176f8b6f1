-- Jobs that may be for this entity alone, or name it.
SELECT j.id, j.bot_id, j.config_json, j.paused_reason
FROM scheduled_jobs j
CROSS JOIN LATERAL (SELECT lower(concat_ws(E'\n', j.config_json, j.paused_reason)) AS text OFFSET 0) b
WHERE lower(j.bot_id) = :bot::text
    OR EXISTS (SELECT FROM unnest(:needles::text[]) AS n WHERE strpos(b.text, n) > 0)
ORDER BY j.id
