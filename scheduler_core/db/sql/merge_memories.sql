-- Memories of one bot that say the same, letter case and spacing aside, become the oldest of them.
WITH grouped AS (
    SELECT m.*, first_value(m.id) OVER same AS survivor, count(*) OVER (PARTITION BY m.bot_id, said.text) AS size
    FROM memories m
    CROSS JOIN LATERAL (
        SELECT lower(regexp_replace(btrim(m.content), '\s+', ' ', 'g')) AS text
    ) said
    WHERE m.bot_id = :bot
    WINDOW same AS (PARTITION BY m.bot_id, said.text ORDER BY m.created_at, m.id)
),
member AS (
    SELECT * FROM grouped WHERE size > 1 AND id <> survivor
),
archived AS (
    INSERT INTO memory_archive (bot_id, id, run_id, cause, merged_into, memory)
    SELECT m.bot_id, m.id, :run::uuid, 'merged', m.survivor, to_jsonb(m) - 'survivor' - 'size' FROM member m
    RETURNING id, merged_into
),
sums AS (
    SELECT g.survivor, sum(g.access_count) AS accesses, max(g.last_accessed) AS accessed,
        max(g.importance) AS importance
    FROM grouped g WHERE g.size > 1 GROUP BY g.survivor
),
merged AS (
    UPDATE memories m
    SET access_count = least(s.accesses, 2147483647)::integer, last_accessed = s.accessed,
        importance = s.importance, updated_at = now(),
        tags = (
            SELECT coalesce(jsonb_agg(DISTINCT t), '[]') FROM grouped g, jsonb_array_elements(
                CASE jsonb_typeof(g.tags) WHEN 'array' THEN g.tags ELSE jsonb_build_array(g.tags) END
            ) t
            WHERE g.survivor = m.id AND g.size > 1
        ),
        source_message_ids = (
            SELECT coalesce(jsonb_agg(DISTINCT t), '[]') FROM grouped g, jsonb_array_elements(
                CASE jsonb_typeof(g.source_message_ids)
                    WHEN 'array' THEN g.source_message_ids ELSE jsonb_build_array(g.source_message_ids) END
            ) t
            WHERE g.survivor = m.id AND g.size > 1
        )
    FROM sums s
    WHERE m.bot_id = :bot AND m.id = s.survivor
    RETURNING m.id
),
gone AS (
    -- Only what has a surviving memory and a copy in the archive may go.
    DELETE FROM memories m USING archived a, merged s
    WHERE m.bot_id = :bot AND m.id = a.id AND s.id = a.merged_into
    RETURNING m.id
)
SELECT (SELECT count(*) FROM grouped) AS all_rows, (SELECT count(*) FROM merged) AS groups,
    (SELECT count(*) FROM archived) AS archived, (SELECT count(*) FROM gone) AS gone
