-- The run stays, with what it did to others.
UPDATE job_runs r
SET bot_id = n.bot_id, result_json = n.result_json, error_message = n.error_message, progress = n.progress,
    reason = n.reason, suspicious = ARRAY(SELECT jsonb_array_elements_text(n.suspicious::jsonb))
FROM unnest(
    :ids::uuid[], :bots::text[], :results::text[], :errors::text[], :progress::text[], :reasons::text[],
    :suspicious::text[]
) AS n (id, bot_id, result_json, error_message, progress, reason, suspicious)
WHERE r.id = n.id
