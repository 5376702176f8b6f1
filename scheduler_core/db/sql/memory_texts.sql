-- What judging memories takes, by id; `state` stands for the whole row.
SELECT m.id, m.content, m.tags::text AS tags, m.source, m.importance, m.access_count, m.pinned,
    m.created_at, m.last_accessed, m.source_message_ids::text AS source_message_ids,
    sha256(convert_to(to_jsonb(m)::text, 'UTF8')) AS state
FROM memories m
WHERE m.bot_id = :bot AND m.id > :after AND (:ids::text[] IS NULL OR m.id = ANY (:ids::text[]))
ORDER BY m.id
LIMIT :page
