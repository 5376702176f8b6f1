-- The memories in use with this id, of any bot unless one is named.
SELECT b.bot_id, to_jsonb(m)::text AS memory
FROM bawt_bots() b JOIN memories m ON m.bot_id = b.bot_id AND m.id = :id
WHERE :bot::text IS NULL OR b.bot_id = :bot::text
