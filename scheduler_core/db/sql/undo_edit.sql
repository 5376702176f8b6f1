-- Gives a job the settings it had, if it still has those that the edit gave it; zero rows: it has not.
UPDATE scheduled_jobs j
SET interval_minutes = CASE WHEN b.before ? 'interval_minutes'
        THEN (b.before ->> 'interval_minutes')::integer ELSE j.interval_minutes END,
    cron = CASE WHEN b.before ? 'cron' THEN b.before ->> 'cron' ELSE j.cron END,
    time_zone = CASE WHEN b.before ? 'time_zone' THEN b.before ->> 'time_zone' ELSE j.time_zone END,
    config_json = CASE WHEN b.before ? 'config_json' THEN b.before ->> 'config_json' ELSE j.config_json END
FROM (SELECT :before::text::jsonb AS before, :after::text::jsonb AS after) b
WHERE j.id = :job
    AND jsonb_build_object(
        'interval_minutes', j.interval_minutes, 'cron', j.cron, 'time_zone', j.time_zone, 'config_json', j.config_json
    ) @> b.after
RETURNING j.*
