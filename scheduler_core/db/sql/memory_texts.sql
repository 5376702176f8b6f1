-- What judging memories takes, by id.
SELECT m.id, m.content, m.tags::text AS tags, m.source, m.importance, m.access_count, m.pinned,
    m.created_at, m.last_accessed, m.source_message_ids::text AS source_message_ids
FROM memories m
WHERE m.bot_id = :bot AND m.id > :after AND (:ids::text[] IS NULL OR m.id = ANY (:ids::text[]))
ORDER BY m.id
LIMIT :page
