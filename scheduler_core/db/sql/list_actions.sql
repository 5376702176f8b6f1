-- What people did, newest first, each with the state of what it was done to: that decides whether it can be
-- taken back. Object ids are text that anybody may have written, so they are not trusted to be ids.
WITH page AS MATERIALIZED (
    SELECT a.*,
        CASE WHEN a.object_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN a.object_id::uuid END AS object,
        CASE
            WHEN a.details ->> 'run' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (a.details ->> 'run')::uuid
            WHEN jsonb_typeof(a.details -> 'runs') = 'array' AND jsonb_array_length(a.details -> 'runs') = 1
                AND a.details #>> '{runs,0}' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                THEN (a.details #>> '{runs,0}')::uuid
        END AS made_run
    FROM operator_actions a
    WHERE a.id < :before
    ORDER BY a.id DESC
    LIMIT :limit
)
SELECT p.id, p.at, p.actor, p.action, p.object_type, p.object_id, p.reason, p.details::text AS details,
    j.id AS job_id, j.enabled, j.paused_reason,
    jsonb_build_object(
        'interval_minutes', j.interval_minutes, 'cron', j.cron, 'time_zone', j.time_zone, 'config_json', j.config_json
    )::text AS settings,
    r.id AS run_id, r.status AS run_status, r.mode AS run_mode,
    r.job_type AS run_type, plan.run_id IS NOT NULL AND plan.applied_by IS DISTINCT FROM r.id AS left_plan,
    coalesce(j.job_type || ' ' || j.bot_id, r.job_type || ' ' || r.bot_id) AS object_name,
    newer.id AS newer_id, newer.action AS newer_action,
    undone.id AS undone_by, undone.status AS undone_status
FROM page p
LEFT JOIN job_runs r ON r.id = CASE WHEN p.object_type = 'run' THEN coalesce(p.made_run, p.object) ELSE p.made_run END
LEFT JOIN run_plans plan ON plan.run_id = r.source_run_id
LEFT JOIN scheduled_jobs j ON j.id = CASE WHEN p.object_type = 'job' THEN p.object ELSE r.job_id END
LEFT JOIN LATERAL (
    SELECT n.id, n.action FROM operator_actions n
    WHERE n.object_type = p.object_type AND n.object_id = p.object_id AND n.id > p.id
        AND CASE
            WHEN p.action IN ('pause', 'resume') THEN n.action IN ('pause', 'resume')
            ELSE n.details ->> 'undoes' = p.id::text
        END
    ORDER BY n.id LIMIT 1
) newer ON true
LEFT JOIN LATERAL (
    SELECT u.id, u.status FROM job_runs u
    WHERE u.source_run_id = r.id AND u.mode = 'undo' AND u.status IN ('pending', 'running', 'success')
    ORDER BY u.created_at LIMIT 1
) undone ON true
ORDER BY p.id DESC
