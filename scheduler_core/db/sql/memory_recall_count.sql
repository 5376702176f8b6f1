-- How many of these memories lie in the archive, and how many come back with them, because a merge is only
-- taken back as a whole.
WITH latest AS (
    SELECT DISTINCT ON (a.bot_id, a.id) a.bot_id, a.id, a.run_id, a.merged_into
    FROM unnest(:bots::text[], :ids::text[]) AS wanted (bot_id, id)
    JOIN memory_archive a ON a.id = wanted.id AND a.bot_id = wanted.bot_id
    ORDER BY a.bot_id, a.id, a.number DESC
),
back AS (
    SELECT l.bot_id, l.id FROM latest l
    UNION
    SELECT l.bot_id, member.id
    FROM latest l
    JOIN memory_merges g ON g.bot_id = l.bot_id AND g.run_id = l.run_id AND g.survivor = l.merged_into
        AND l.id = ANY (g.members)
    CROSS JOIN LATERAL unnest(g.members) AS member (id)
)
SELECT (SELECT count(*) FROM latest) AS archived, (SELECT count(*) FROM back) AS back
