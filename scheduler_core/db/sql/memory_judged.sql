-- What is decided about pairs with one of these memories; texts that changed since are left out by trigger.
SELECT left_id, right_id, left_hash, right_hash, verdict, judge
FROM memory_judgements WHERE bot_id = :bot AND left_id = ANY (:ids::text[])
UNION
SELECT left_id, right_id, left_hash, right_hash, verdict, judge
FROM memory_judgements WHERE bot_id = :bot AND right_id = ANY (:ids::text[])
