-- Memories without a vector of this model, by id.
SELECT m.id, m.content
FROM memories m
WHERE m.bot_id = :bot AND m.id > :after
    AND NOT EXISTS (
        SELECT FROM memory_embeddings e WHERE e.bot_id = m.bot_id AND e.id = m.id AND e.model = :model
    )
ORDER BY m.id
LIMIT :page
