-- The archived copies of the memories that one merge took in, by id.
SELECT a.memory::text AS memory, a.archived_at AS at, a.number, a.run_id, a.merged_into, a.score,
    a.numbers::text AS numbers
FROM memory_archive a
WHERE a.bot_id = :bot AND a.merged_into = :survivor AND a.run_id = :run::uuid AND a.id = ANY (:ids::text[])
ORDER BY a.id
LIMIT :page
