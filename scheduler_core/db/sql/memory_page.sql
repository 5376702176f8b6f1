-- A page of the memories in use, by bot and id.
SELECT to_jsonb(m)::text AS memory, m.created_at AS at, NULL::bigint AS number, NULL::uuid AS run_id,
    NULL::text AS merged_into
FROM memories m
WHERE (:bot::text IS NULL OR m.bot_id = :bot::text) AND (m.bot_id, m.id) > (:after_bot::text, :after_id::text)
ORDER BY m.bot_id, m.id
LIMIT :page
