-- Takes vectors into the search; those of memories that changed meanwhile are left out.
INSERT INTO memory_vectors (bot_id, id, model, embedding)
SELECT e.bot_id, e.id, e.model, n.embedding::vector
FROM unnest(:ids::text[], :vectors::text[]) AS n (id, embedding)
JOIN memory_embeddings e ON e.bot_id = :bot AND e.id = n.id AND e.model = :model
ON CONFLICT (bot_id, id) DO UPDATE SET model = excluded.model, embedding = excluded.embedding
