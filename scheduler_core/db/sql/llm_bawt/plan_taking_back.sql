-- What taking back would do with each summary that was given; no text.
SELECT c.entity_type, c.entity_id, p.id AS service_id, char_length(b.summary_given) AS length_given,
    char_length(b.summary_before) AS length_before, coalesce(p.summary = b.summary_given, false) AS is_done
FROM {copies}.llm_bawt_published b
JOIN {copies}.entity_profiles c ON c.id = b.profile_id
LEFT JOIN entity_profiles p ON p.id = b.service_id
ORDER BY c.entity_type DESC, c.entity_id, b.service_id
