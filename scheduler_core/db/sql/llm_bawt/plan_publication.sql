-- What publishing would do with each copied profile; no text.
SELECT k.entity_type, k.entity_id, k.service_id, k.is_written, k.is_wanted, k.is_behind, k.length_before,
    k.length_given, k.is_wanted AS is_done
FROM ({publishable}) k
ORDER BY k.entity_type DESC, k.entity_id, k.service_id
