-- What statements of ours see in a service's database: views of this one session, under our tables' names,
-- which are gone with it. Tables that a service has nothing for are empty. {schema} is where its tables are.
CREATE TEMPORARY VIEW scheduled_jobs AS
SELECT {job_uuid} AS id, lower(j.job_type::text) AS job_type, j.bot_id::text AS bot_id, j.enabled,
    j.interval_minutes, j.last_run_at::timestamptz AS last_run_at,
    coalesce(
        j.next_run_at::timestamptz, j.last_run_at::timestamptz + make_interval(mins => j.interval_minutes),
        j.created_at::timestamptz
    ) AS next_run_at,
    coalesce(j.config_json::text, '{{}}') AS config_json, 0::bigint AS claim_seq,
    j.created_at::timestamptz AS created_at, CASE WHEN NOT j.enabled THEN 'the service' END AS paused_by,
    NULL::text AS paused_reason, NULL::timestamptz AS paused_at, NULL::text AS cron, 'UTC'::text AS time_zone,
    false AS needs_slot, 'skip'::text AS overlap, 'coalesce'::text AS catch_up, 0 AS failures,
    NULL::timestamptz AS backoff_until, NULL::text AS needs_model
FROM {schema}.scheduled_jobs j;

CREATE TEMPORARY VIEW job_runs AS
SELECT {run_uuid} AS id, {run_job_uuid} AS job_id, r.bot_id::text AS bot_id, lower(r.status::text) AS status,
    r.started_at::timestamptz AS started_at, r.finished_at::timestamptz AS finished_at, r.duration_ms,
    r.result_json::text AS result_json, r.error_message::text AS error_message,
    coalesce(lower(j.job_type::text), 'unknown') AS job_type, 'schedule'::text AS trigger,
    coalesce(r.started_at, r.created_at)::timestamptz AS scheduled_for, NULL::bigint AS claim_seq, 0 AS coalesced,
    1 AS attempt, NULL::uuid AS first_run_id,
    CASE WHEN lower(r.status::text) = 'running' THEN md5('llm-bawt service')::uuid END AS node_id,
    NULL::integer AS slot, r.created_at::timestamptz AS created_at, r.created_at::timestamptz AS available_at,
    CASE WHEN lower(r.status::text) = 'skipped' THEN 'skipped by the service' END AS reason,
    NULL::text AS progress, '{{}}'::text[] AS suspicious, NULL::timestamptz AS cancel_requested_at,
    NULL::text AS cancel_requested_by, 'run'::text AS mode, NULL::uuid AS source_run_id
FROM {schema}.job_runs r
LEFT JOIN {schema}.scheduled_jobs j ON j.id = r.job_id;

CREATE TEMPORARY VIEW job_run_events AS
SELECT NULL::bigint AS id, NULL::uuid AS run_id, NULL::timestamptz AS at, NULL::text AS level, NULL::text AS message
WHERE false;

-- A service does not say that it lives; that its due jobs are run does.
CREATE TEMPORARY VIEW scheduler_nodes AS
SELECT md5('llm-bawt service')::uuid AS id, 'llm-bawt service'::text AS name, 'active'::text AS state,
    'unknown'::text AS version, array_agg(DISTINCT lower(j.job_type::text)) AS job_types,
    min(j.created_at)::timestamptz AS started_at,
    coalesce(max(j.last_run_at), min(j.created_at))::timestamptz AS heartbeat_at,
    now() + make_interval(
        secs => CASE WHEN bool_or(j.enabled AND j.next_run_at < now() - interval '5 minutes') THEN -1 ELSE 60 END
    ) AS lease_expires_at,
    (SELECT count(*) FROM {schema}.job_runs r WHERE lower(r.status::text) = 'running')::integer AS running,
    NULL::text AS model, 'both'::text AS role, 'in-process'::text AS queue, 0 AS capacity,
    '{{}}'::integer[] AS job_limits, '{{}}'::text[] AS models, NULL::bigint AS memory_bytes
FROM {schema}.scheduled_jobs j
HAVING count(*) > 0;

CREATE TEMPORARY VIEW operator_actions AS
SELECT NULL::bigint AS id, NULL::timestamptz AS at, NULL::text AS actor, NULL::text AS action,
    NULL::text AS object_type, NULL::text AS object_id, NULL::text AS reason, NULL::jsonb AS details
WHERE false;

CREATE TEMPORARY VIEW run_plans AS
SELECT NULL::uuid AS run_id, NULL::jsonb AS plan, NULL::timestamptz AS created_at, NULL::uuid AS applied_by,
    NULL::jsonb AS objects
WHERE false;

CREATE TEMPORARY VIEW llm_bawt_schema_version AS SELECT 'llm-bawt'::varchar(32) AS version_num;
