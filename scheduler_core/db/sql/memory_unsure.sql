-- Pairs that no judge could decide, unless this one was asked already.
SELECT left_id, right_id, left_hash, right_hash, verdict, judge
FROM memory_judgements
WHERE bot_id = :bot AND verdict = 'unsure' AND judge <> :judge
ORDER BY left_id, right_id
LIMIT :page
