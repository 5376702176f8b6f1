UPDATE operator_actions a SET object_id = n.object_id, reason = n.reason, details = n.details::jsonb
FROM unnest(:ids::bigint[], :objects::text[], :reasons::text[], :details::text[])
    AS n (id, object_id, reason, details)
WHERE a.id = n.id
