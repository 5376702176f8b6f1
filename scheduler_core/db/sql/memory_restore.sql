-- Puts archived memories back as they were, with their vectors. The caller holds the archive rows locked and
-- made sure that no id is in use.
WITH taken AS (
    DELETE FROM memory_archive WHERE number = ANY (:numbers::bigint[]) RETURNING *
),
back AS (
    INSERT INTO memories
    SELECT m.* FROM taken t CROSS JOIN LATERAL jsonb_populate_record(NULL::memories, t.memory) m
    RETURNING bot_id, id
),
vectors AS (
    INSERT INTO memory_embeddings (bot_id, id, model, embedding)
    SELECT bot_id, id, embedding_model, embedding FROM taken
    WHERE embedding IS NOT NULL AND embedding_model IS NOT NULL
),
reprieved AS (
    INSERT INTO memory_reprieves (bot_id, id) SELECT bot_id, id FROM back
)
SELECT bot_id, id FROM back
