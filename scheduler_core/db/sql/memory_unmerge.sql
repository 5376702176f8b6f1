-- Gives the survivor of a merge back what it was. What was counted on it since, stays counted: without any
-- use in between it is byte for byte what it was. No row if it changed in any other way.
UPDATE memories m
SET access_count = greatest(b.access_count + m.access_count - a.access_count, 0),
    last_accessed = CASE WHEN m.last_accessed IS DISTINCT FROM a.last_accessed THEN m.last_accessed ELSE b.last_accessed END,
    updated_at = CASE WHEN m.updated_at IS DISTINCT FROM a.updated_at THEN m.updated_at ELSE b.updated_at END,
    created_at = b.created_at, importance = b.importance, source = b.source, tags = b.tags,
    source_message_ids = b.source_message_ids
FROM memory_merges g
CROSS JOIN LATERAL jsonb_populate_record(NULL::memories, g.before) b
CROSS JOIN LATERAL jsonb_populate_record(NULL::memories, g.after) a
WHERE g.id = :merge::bigint AND m.bot_id = g.bot_id AND m.id = g.survivor
    AND bawt_text_hash(m.content) = g.text_hash
    AND to_jsonb(m) - '{content,access_count,last_accessed,updated_at}'::text[]
        = g.after - '{access_count,last_accessed,updated_at}'::text[]
RETURNING m.id
