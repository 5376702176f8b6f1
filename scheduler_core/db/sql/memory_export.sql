-- Every memory in use, in an order that does not depend on the database.
SELECT to_jsonb(m)::text AS memory FROM memories m
WHERE :bot::text IS NULL OR m.bot_id = :bot::text
ORDER BY m.bot_id COLLATE "C", m.id COLLATE "C"
