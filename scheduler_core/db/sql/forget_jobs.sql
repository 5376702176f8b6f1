-- A job of which a part was taken out waits until a person has looked at it.
UPDATE scheduled_jobs j
SET config_json = n.config_json, enabled = false, paused_by = coalesce(j.paused_by, :actor),
    paused_reason = n.paused_reason
FROM unnest(:ids::uuid[], :configs::text[], :reasons::text[]) AS n (id, config_json, paused_reason)
WHERE j.id = n.id
