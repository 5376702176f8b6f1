-- Vectors of one model and size in one piece, by id: one value for thousands of rows, not one each.
SELECT coalesce(array_agg(b.id ORDER BY b.id), '{}') AS ids,
    coalesce(string_agg(b.embedding, '' ORDER BY b.id), '') AS vectors
FROM (
    SELECT e.id, e.embedding
    FROM memory_embeddings e
    WHERE e.bot_id = :bot AND e.id > :after AND e.model = :model AND length(e.embedding) = :size
    ORDER BY e.id
    LIMIT :page
) b
