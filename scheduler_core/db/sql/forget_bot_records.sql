-- The logs and plans of a bot's own runs say nothing that anybody else needs.
WITH own AS MATERIALIZED (
    SELECT id FROM job_runs WHERE lower(bot_id) = :bot::text
),
plans AS (
    DELETE FROM run_plans p USING own WHERE p.run_id = own.id
)
DELETE FROM job_run_events e USING own WHERE e.run_id = own.id
