-- Memories of one bot that say the same, letter case and spacing aside, each group from the oldest on.
SELECT array_agg(m.id ORDER BY m.created_at, m.id) AS ids,
    array_agg(bawt_text_hash(m.content) ORDER BY m.created_at, m.id) AS hashes
FROM memories m
CROSS JOIN LATERAL (SELECT lower(regexp_replace(btrim(m.content), '\s+', ' ', 'g')) AS text) said
WHERE m.bot_id = :bot AND NOT m.pinned AND m.id NOT IN (
    SELECT unnest(ARRAY[j.left_id, j.right_id]) FROM memory_judgements j
    WHERE j.bot_id = :bot AND j.judge = 'person' AND j.verdict = 'different'
)
GROUP BY said.text
HAVING count(*) > 1
ORDER BY min(m.created_at), min(m.id)
