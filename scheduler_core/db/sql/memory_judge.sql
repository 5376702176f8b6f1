-- Records verdicts on pairs that still have these texts. What a person said is not overruled.
WITH said AS (
    SELECT * FROM unnest(
        :left_ids::text[], :right_ids::text[], :left_hashes::bytea[], :right_hashes::bytea[],
        :verdicts::text[], :judges::text[]
    ) AS s (left_id, right_id, left_hash, right_hash, verdict, judge)
),
locked AS MATERIALIZED (
    -- Shared, so that neither text changes before the verdict on it is there to be deleted.
    SELECT m.id, bawt_text_hash(m.content) AS hash
    FROM memories m
    WHERE m.bot_id = :bot AND m.id IN (SELECT left_id FROM said UNION SELECT right_id FROM said)
    ORDER BY m.id
    FOR SHARE
)
INSERT INTO memory_judgements AS j (bot_id, left_id, right_id, left_hash, right_hash, verdict, judge)
SELECT :bot, s.left_id, s.right_id, s.left_hash, s.right_hash, s.verdict, s.judge
FROM said s
JOIN locked a ON a.id = s.left_id AND a.hash = s.left_hash
JOIN locked b ON b.id = s.right_id AND b.hash = s.right_hash
ON CONFLICT (bot_id, left_id, right_id) DO UPDATE
SET left_hash = excluded.left_hash, right_hash = excluded.right_hash, verdict = excluded.verdict,
    judge = excluded.judge, judged_at = now()
WHERE j.judge <> 'person' OR excluded.judge = 'person'
