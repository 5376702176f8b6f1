-- New settings for a job that still has those the editor saw; zero rows: somebody changed them meanwhile.
UPDATE scheduled_jobs
SET interval_minutes = :interval_minutes, cron = :cron, time_zone = :time_zone, config_json = :config_json
WHERE id = :job
    AND (interval_minutes, time_zone, config_json)
        = (:seen_interval_minutes, :seen_time_zone, :seen_config_json)
    AND cron IS NOT DISTINCT FROM :seen_cron::text
RETURNING *
