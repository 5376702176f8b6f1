-- Merges groups of memories: the survivor takes over what the members counted, they go to the archive.
-- A group of which a text changed, a member was pinned or one is gone stays as it is; where a state is wanted,
-- so does one of which anything in a row changed.
WITH wanted AS (
    SELECT * FROM unnest(:ids::text[], :survivors::text[], :hashes::bytea[], :states::bytea[])
        AS w (id, survivor, hash, state)
),
locked AS MATERIALIZED (
    SELECT m.*, w.survivor
    FROM memories m JOIN wanted w ON w.id = m.id
    WHERE m.bot_id = :bot AND bawt_text_hash(m.content) = w.hash AND (NOT m.pinned OR m.id = w.survivor)
        AND (w.state IS NULL OR sha256(convert_to(to_jsonb(m)::text, 'UTF8')) = w.state)
    ORDER BY m.id
    FOR UPDATE OF m
),
complete AS (
    SELECT w.survivor FROM wanted w LEFT JOIN locked l ON l.id = w.id
    GROUP BY w.survivor HAVING count(*) = count(l.id) AND count(*) > 1 AND bool_or(l.id = w.survivor)
),
part AS (
    SELECT l.* FROM locked l JOIN complete c ON c.survivor = l.survivor
),
sums AS (
    SELECT survivor, sum(access_count) AS accesses, max(last_accessed) AS accessed, min(created_at) AS created,
        max(importance) AS importance, bool_or(source = 'explicit') AS explicit,
        array_agg(id ORDER BY id) FILTER (WHERE id <> survivor) AS members
    FROM part GROUP BY survivor
),
merged AS (
    UPDATE memories m
    SET access_count = least(s.accesses, 2147483647)::integer, last_accessed = s.accessed,
        created_at = s.created, importance = s.importance, updated_at = now(),
        source = CASE WHEN s.explicit THEN 'explicit' ELSE m.source END,
        tags = (
            SELECT coalesce(jsonb_agg(DISTINCT t), '[]') FROM part p, jsonb_array_elements(
                CASE jsonb_typeof(p.tags) WHEN 'array' THEN p.tags ELSE jsonb_build_array(p.tags) END
            ) t
            WHERE p.survivor = m.id
        ),
        source_message_ids = (
            SELECT coalesce(jsonb_agg(DISTINCT t), '[]') FROM part p, jsonb_array_elements(
                CASE jsonb_typeof(p.source_message_ids)
                    WHEN 'array' THEN p.source_message_ids ELSE jsonb_build_array(p.source_message_ids) END
            ) t
            WHERE p.survivor = m.id
        )
    FROM sums s
    WHERE m.bot_id = :bot AND m.id = s.survivor
    RETURNING m.id, to_jsonb(m) - 'content' AS after
),
lineage AS (
    INSERT INTO memory_merges (bot_id, survivor, run_id, members, before, after, text_hash)
    SELECT p.bot_id, p.id, :run::uuid, s.members, to_jsonb(p) - '{content,survivor}'::text[], g.after,
        bawt_text_hash(p.content)
    FROM merged g JOIN part p ON p.id = g.id JOIN sums s ON s.survivor = g.id
    RETURNING survivor
),
archived AS (
    INSERT INTO memory_archive (bot_id, id, run_id, cause, merged_into, numbers, memory, embedding, embedding_model)
    SELECT p.bot_id, p.id, :run::uuid, 'merged', p.survivor, coalesce(n.numbers, '{}'), to_jsonb(p) - 'survivor',
        e.embedding, e.model
    FROM part p
    JOIN lineage l ON l.survivor = p.survivor
    LEFT JOIN memory_embeddings e ON e.bot_id = p.bot_id AND e.id = p.id
    LEFT JOIN unnest(:groups::text[], :numbers::jsonb[]) AS n (survivor, numbers) ON n.survivor = p.survivor
    WHERE p.id <> p.survivor
    RETURNING id
),
gone AS (
    -- Only what has a surviving memory and a copy in the archive may go.
    DELETE FROM memories m USING archived a WHERE m.bot_id = :bot AND m.id = a.id RETURNING m.id
)
SELECT (SELECT coalesce(array_agg(survivor), '{}') FROM lineage) AS survivors,
    (
        SELECT coalesce(array_agg(w.id ORDER BY w.id), '{}')
        FROM wanted w LEFT JOIN locked l ON l.id = w.id WHERE l.id IS NULL
    ) AS moved,
    (SELECT count(*) FROM part WHERE id <> survivor) AS due,
    (SELECT count(*) FROM archived) AS archived, (SELECT count(*) FROM gone) AS gone
