-- Adds the attributes that are not there yet. The caller holds the import lock and removed repetitions
-- within the batch; values arrive as JSON text, and matching them is the caller's work, because
-- jsonb refuses texts that json accepts.
INSERT INTO entity_profile_attributes (
    entity_type, entity_id, category, key, value, confidence, source, source_message_id, created_at, updated_at,
    pinned
)
SELECT n.entity_type, n.entity_id, n.category, n.key, n.value::json, n.confidence, n.source, n.message_id,
    now(), coalesce(n.updated_at, now()), n.pinned
FROM unnest(
    :entity_types::text[], :entity_ids::text[], :categories::text[], :keys::text[], :values::text[],
    :confidences::float8[], :sources::text[], :message_ids::text[], :updated_ats::timestamptz[],
    :pinned::boolean[]
) WITH ORDINALITY AS n (
    entity_type, entity_id, category, key, value, confidence, source, message_id, updated_at, pinned, position
)
ORDER BY n.position
