SELECT name, lease_expires_at AS since, count(*) OVER () AS total
FROM scheduler_nodes
WHERE state <> 'stopped' AND lease_expires_at < now() - make_interval(secs => :after)
ORDER BY since, name
LIMIT :limit
