-- What a run took out of use, and where it went.
SELECT a.bot_id, a.id, a.cause, a.merged_into, a.memory ->> 'content' AS content
FROM memory_archive a
WHERE a.run_id = :run_id
ORDER BY a.number
