-- What a scrape wants to know beyond this process: all of it from partial indexes, none of it from history.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM job_runs WHERE status = 'pending' AND available_at <= now() LIMIT 10000
    ) waiting)::integer AS queue_depth,
    (SELECT count(*) FROM (
        SELECT FROM job_runs WHERE status = 'running' LIMIT 10000
    ) busy)::integer AS running,
    (SELECT count(*) FROM (
        SELECT FROM scheduled_jobs WHERE enabled AND NOT needs_slot AND next_run_at <= now() LIMIT 10000
    ) due)::integer AS jobs_due,
    coalesce(extract(epoch FROM now() - (
        SELECT min(next_run_at) FROM scheduled_jobs WHERE enabled AND NOT needs_slot AND next_run_at <= now()
    )), 0)::float8 AS oldest_due_seconds,
    (SELECT count(*) FROM scheduler_nodes WHERE state = 'active' AND lease_expires_at > now())::integer AS nodes,
    pg_database_size(current_database()) AS database_bytes,
    (
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
    )::integer AS connections,
    current_setting('max_connections')::integer AS most_connections
