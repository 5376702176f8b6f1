INSERT INTO operator_actions (actor, action, object_type, object_id, details)
VALUES (:actor, 'forget', 'profile', :token, :details::text::jsonb)
