-- Takes the named memories out of use, with a copy in the archive; one that is no longer in the state that was
-- judged stays where it is.
WITH wanted AS (
    SELECT * FROM unnest(:ids::text[], :states::bytea[], :scores::float8[], :numbers::jsonb[])
        AS w (id, state, score, numbers)
),
locked AS MATERIALIZED (
    -- In one order, so that two passes cannot deadlock; the lock keeps the state until the end.
    SELECT m.*, w.state, w.score, w.numbers
    FROM memories m JOIN wanted w ON w.id = m.id
    WHERE m.bot_id = :bot
    ORDER BY m.id
    FOR UPDATE OF m
),
kept AS (
    INSERT INTO memory_archive (bot_id, id, run_id, cause, score, numbers, memory, embedding, embedding_model)
    SELECT l.bot_id, l.id, :run::uuid, 'decayed', l.score, l.numbers, whole.memory, e.embedding, e.model
    FROM locked l
    CROSS JOIN LATERAL (SELECT to_jsonb(l) - '{state,score,numbers}'::text[] AS memory) whole
    LEFT JOIN memory_embeddings e ON e.bot_id = l.bot_id AND e.id = l.id
    WHERE sha256(convert_to(whole.memory::text, 'UTF8')) = l.state AND NOT bawt_message_cited(l.source_message_ids)
        AND NOT EXISTS (
            SELECT FROM memory_reprieves r
            WHERE r.bot_id = l.bot_id AND r.id = l.id
                AND r.restored_at > now() - make_interval(days => :reprieve_days)
        )
    RETURNING id
),
gone AS (
    DELETE FROM memories m USING kept k WHERE m.bot_id = :bot AND m.id = k.id RETURNING m.id
)
SELECT (SELECT count(*) FROM kept) AS kept, (SELECT array_agg(id) FROM gone) AS gone
