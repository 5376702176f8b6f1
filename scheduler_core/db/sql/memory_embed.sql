-- Stores vectors of memories that still have the text they were computed from.
WITH computed AS (
    SELECT * FROM unnest(:ids::text[], :hashes::bytea[], :embeddings::bytea[]) AS c (id, hash, embedding)
),
locked AS MATERIALIZED (
    SELECT m.id, c.embedding
    FROM memories m JOIN computed c ON c.id = m.id
    WHERE m.bot_id = :bot AND bawt_text_hash(m.content) = c.hash
    ORDER BY m.id
    FOR SHARE OF m
)
INSERT INTO memory_embeddings (bot_id, id, model, embedding)
SELECT :bot, id, :model, embedding FROM locked
ON CONFLICT (bot_id, id) DO UPDATE SET model = excluded.model, embedding = excluded.embedding
RETURNING id
