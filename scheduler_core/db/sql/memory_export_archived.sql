-- Every archived memory, in an order that does not depend on the database.
SELECT a.memory::text AS memory FROM memory_archive a
WHERE a.cause = :cause AND (:bot::text IS NULL OR a.bot_id = :bot::text)
ORDER BY a.bot_id COLLATE "C", a.id COLLATE "C", a.number
