UPDATE job_run_events e SET message = n.message
FROM unnest(:ids::bigint[], :messages::text[]) AS n (id, message)
WHERE e.id = n.id
