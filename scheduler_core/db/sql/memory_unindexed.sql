-- Vectors that the search does not have, or has of another model.
SELECT e.id, e.embedding
FROM memory_embeddings e
WHERE e.bot_id = :bot AND e.model = :model AND length(e.embedding) = :size
    AND NOT EXISTS (
        SELECT FROM memory_vectors v WHERE v.bot_id = e.bot_id AND v.id = e.id AND v.model = e.model
    )
LIMIT :page
