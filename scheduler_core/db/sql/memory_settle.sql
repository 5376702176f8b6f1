-- Takes memories off the list of changed ones, unless they changed again since they were read.
DELETE FROM memory_changes c
USING unnest(:ids::text[], :changes::bigint[]) AS d (id, change)
WHERE c.bot_id = :bot AND c.id = d.id AND c.change = d.change
