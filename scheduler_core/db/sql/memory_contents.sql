-- Ids and texts of a bot's memories in two pieces, by id: two values for thousands of rows, not two each.
SELECT coalesce(array_agg(m.id ORDER BY m.id COLLATE "C"), '{}') AS ids,
    coalesce(array_agg(m.content ORDER BY m.id COLLATE "C"), '{}') AS contents
FROM (
    SELECT m.id, m.content
    FROM memories m
    WHERE m.bot_id = :bot AND m.id COLLATE "C" > :after
    ORDER BY m.id COLLATE "C"
    LIMIT :page
) m
