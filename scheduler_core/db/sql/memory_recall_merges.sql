-- The merges that these archived copies went away by, the latest first.
SELECT g.*
FROM memory_merges g
WHERE g.id IN (
    SELECT m.id
    FROM memory_archive a
    JOIN memory_merges m ON m.bot_id = a.bot_id AND m.run_id = a.run_id AND m.survivor = a.merged_into
        AND a.id = ANY (m.members)
    WHERE a.number = ANY (:numbers::bigint[])
)
ORDER BY g.id DESC
FOR UPDATE
