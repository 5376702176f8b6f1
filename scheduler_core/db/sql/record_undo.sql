INSERT INTO operator_actions (actor, action, object_type, object_id, reason, details)
SELECT :actor, :action, a.object_type, a.object_id, :reason, :details::text::jsonb || jsonb_build_object('undoes', a.id)
FROM operator_actions a
WHERE a.id = :undoes
