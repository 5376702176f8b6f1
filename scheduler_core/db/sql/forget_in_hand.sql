-- How many runs of living nodes may still write about an entity. What a dead node held is refused later.
SELECT count(*) FROM job_runs r
JOIN scheduler_nodes n ON n.id = r.node_id AND n.lease_expires_at > now()
WHERE r.status = 'running' AND (:only::uuid[] IS NULL OR r.id = ANY (:only::uuid[]))
    AND (r.job_type = ANY (:job_types::text[]) OR lower(r.bot_id) = :bot::text)
