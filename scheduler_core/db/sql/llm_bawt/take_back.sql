-- Puts back what stood in the service's rows; one row for each summary that was given, without text.
WITH put_back AS (
    UPDATE entity_profiles p
    SET summary = b.summary_before, summary_updated_at = b.updated_before
    FROM {copies}.llm_bawt_published b
    -- The text alone says whose it is: a service that only moved the time has written no other summary.
    WHERE p.id = b.service_id AND p.summary = b.summary_given
    RETURNING p.id
)
SELECT c.entity_type, c.entity_id, p.id AS service_id, char_length(b.summary_given) AS length_given,
    char_length(b.summary_before) AS length_before, d.id IS NOT NULL AS is_done
FROM {copies}.llm_bawt_published b
JOIN {copies}.entity_profiles c ON c.id = b.profile_id
LEFT JOIN entity_profiles p ON p.id = b.service_id
LEFT JOIN put_back d ON d.id = b.service_id
ORDER BY c.entity_type DESC, c.entity_id, b.service_id
