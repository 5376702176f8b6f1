-- A person took these apart, so no job puts any two of them together again while they say what they say.
INSERT INTO memory_judgements (bot_id, left_id, right_id, left_hash, right_hash, verdict, judge)
SELECT a.bot_id, a.id, b.id, bawt_text_hash(a.content), bawt_text_hash(b.content), 'different', 'person'
FROM memories a
JOIN memories b ON b.bot_id = a.bot_id AND a.id COLLATE "C" < b.id COLLATE "C"
WHERE a.bot_id = :bot AND a.id = ANY (:ids::text[]) AND b.id = ANY (:ids::text[])
ON CONFLICT (bot_id, left_id, right_id) DO UPDATE
SET left_hash = excluded.left_hash, right_hash = excluded.right_hash, verdict = excluded.verdict,
    judge = excluded.judge, judged_at = now()
