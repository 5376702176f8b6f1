-- Running runs whose node does not live, longer than others need to notice.
SELECT r.id::text AS run, r.job_type, r.bot_id, r.started_at AS since, count(*) OVER () AS total
FROM job_runs r
WHERE r.status = 'running' AND NOT EXISTS (
    SELECT FROM scheduler_nodes n
    WHERE n.id = r.node_id AND n.lease_expires_at > now() - make_interval(secs => :after)
)
ORDER BY since, run
LIMIT :limit
