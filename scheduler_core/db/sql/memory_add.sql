-- Stores memories by bot and id. What a line does not give is what is stored, or the default. A memory that
-- lies in the archive with this very text stays there.
WITH given AS (
    SELECT r, r ->> 'bot_id' AS bot_id, r ->> 'id' AS id FROM unnest(:rows::jsonb[]) r
),
judged AS (
    SELECT g.*, m.id IS NOT NULL AS known, m AS stored,
        m.id IS NULL AND EXISTS (
            SELECT FROM memory_archive a
            WHERE a.bot_id = g.bot_id AND a.id = g.id AND a.memory ->> 'content' = g.r ->> 'content'
        ) AS archived
    FROM given g LEFT JOIN memories m ON m.bot_id = g.bot_id AND m.id = g.id
),
complete AS (
    SELECT f.*
    FROM judged j
    CROSS JOIN LATERAL jsonb_populate_record(
        j.stored,
        CASE WHEN j.known THEN '{}' ELSE jsonb_build_object(
            'tags', '["misc"]'::jsonb, 'importance', 0.5, 'source_message_ids', '[]'::jsonb, 'access_count', 0,
            'created_at', now(), 'recurrence_keywords', '[]'::jsonb, 'pinned', false, 'source', 'inferred'
        ) END
        || jsonb_build_object('updated_at', CASE WHEN j.known THEN (j.stored).updated_at ELSE now() END) || j.r
    ) f
    WHERE NOT j.archived
),
changed AS (
    -- In one order, so that two imports of the same file cannot deadlock.
    SELECT c.* FROM complete c
    LEFT JOIN memories m ON m.bot_id = c.bot_id AND m.id = c.id
    WHERE m.id IS NULL OR to_jsonb(m) <> to_jsonb(c)
    ORDER BY c.bot_id, c.id
),
stored AS (
    INSERT INTO memories AS m (
        bot_id, id, content, tags, importance, source_message_ids, access_count, last_accessed, created_at,
        updated_at, intent, stakes, emotional_charge, recurrence_keywords, meaning_updated_at, pinned, source
    )
    SELECT bot_id, id, content, tags, importance, source_message_ids, access_count, last_accessed, created_at,
        updated_at, intent, stakes, emotional_charge, recurrence_keywords, meaning_updated_at, pinned, source
    FROM changed
    ON CONFLICT (bot_id, id) DO UPDATE
    SET content = excluded.content, tags = excluded.tags, importance = excluded.importance,
        source_message_ids = excluded.source_message_ids, access_count = excluded.access_count,
        last_accessed = excluded.last_accessed, created_at = excluded.created_at,
        updated_at = CASE WHEN excluded.updated_at = m.updated_at THEN now() ELSE excluded.updated_at END,
        intent = excluded.intent, stakes = excluded.stakes, emotional_charge = excluded.emotional_charge,
        recurrence_keywords = excluded.recurrence_keywords, meaning_updated_at = excluded.meaning_updated_at,
        pinned = excluded.pinned, source = excluded.source
    RETURNING m.bot_id, m.id
)
SELECT (SELECT count(*) FROM stored s JOIN judged j USING (bot_id, id) WHERE NOT j.known) AS added,
    (SELECT count(*) FROM stored s JOIN judged j USING (bot_id, id) WHERE j.known) AS changed,
    (SELECT count(*) FROM judged WHERE archived) AS archived
