-- The archived copies of an id, the latest first.
SELECT a.bot_id, a.number, a.archived_at, a.run_id, a.cause, a.merged_into, a.score,
    a.memory::text AS memory, a.numbers::text AS numbers
FROM memory_archive a
WHERE a.id = :id AND (:bot::text IS NULL OR a.bot_id = :bot::text)
ORDER BY a.number DESC
