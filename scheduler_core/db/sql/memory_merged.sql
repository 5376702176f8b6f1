-- The merges that a memory took others in by, the latest first.
SELECT g.bot_id, g.id, g.survivor, g.run_id, g.merged_at, g.members
FROM memory_merges g
WHERE g.survivor = :id AND (:bot::text IS NULL OR g.bot_id = :bot::text)
ORDER BY g.id DESC
