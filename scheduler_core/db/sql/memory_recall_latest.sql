-- The latest archived copy of each of these memories, locked, and whether its id is in use again.
SELECT a.number, a.bot_id, a.id, a.merged_into,
    EXISTS (SELECT FROM memories m WHERE m.bot_id = a.bot_id AND m.id = a.id) AS used
FROM unnest(:bots::text[], :ids::text[]) AS wanted (bot_id, id)
JOIN memory_archive a ON a.id = wanted.id AND a.bot_id = wanted.bot_id
WHERE NOT EXISTS (
    SELECT FROM memory_archive newer
    WHERE newer.id = a.id AND newer.bot_id = a.bot_id AND newer.number > a.number
)
ORDER BY a.number
FOR UPDATE OF a
