-- Attributes in the words of an import file. Its labels are upper case, and its times may lack a zone.
SELECT lower(entity_type::text) AS entity_type, entity_id, category, key, value::text AS value, confidence,
    lower(source) AS source, source_message_id,
    to_char(updated_at::timestamptz, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated_at
FROM entity_profile_attributes
ORDER BY id
