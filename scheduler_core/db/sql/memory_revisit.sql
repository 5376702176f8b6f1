-- Lists memories as changed that are not yet, because they can be compared in a new way.
INSERT INTO memory_changes (bot_id, id)
SELECT m.bot_id, m.id FROM memories m WHERE m.bot_id = :bot AND m.id = ANY (:ids::text[])
ON CONFLICT (bot_id, id) DO NOTHING
