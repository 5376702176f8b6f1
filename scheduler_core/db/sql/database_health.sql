-- Only what is answered at once: sizes come from the file system, numbers of rows from the planner.
SELECT current_setting('server_version') AS version,
    pg_postmaster_start_time() AS started_at,
    pg_database_size(current_database()) AS size_bytes,
    (SELECT sum(numbackends) FROM pg_stat_database)::integer AS connections,
    current_setting('max_connections')::integer AS most_connections,
    (
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    )::integer AS waiting,
    coalesce((
        SELECT extract(epoch FROM max(now() - xact_start)) FROM pg_stat_activity
        WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
            AND backend_type = 'client backend'
    ), 0)::float8 AS oldest_transaction_seconds,
    (SELECT reltuples FROM pg_class WHERE oid = 'job_runs'::regclass)::bigint AS runs,
    pg_total_relation_size('job_runs'::regclass) AS runs_bytes,
    CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS folder,
    (SELECT max(version_num) FROM llm_bawt_schema_version) AS schema
