-- A page of archived memories, the latest first.
SELECT a.memory::text AS memory, a.archived_at AS at, a.number, a.run_id, a.merged_into
FROM memory_archive a
WHERE a.cause = :cause AND (:bot::text IS NULL OR a.bot_id = :bot::text)
    AND (:before::bigint IS NULL OR a.number < :before::bigint)
ORDER BY a.number DESC
LIMIT :page
