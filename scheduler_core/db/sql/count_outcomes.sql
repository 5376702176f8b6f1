-- Failures in a row push a job's next slots away; a success forgets them. A row somebody holds is left out:
-- backing off a little later is better than waiting for a psql session.
WITH outcome AS (
    SELECT r.job_id, bool_or(r.status = 'success') AS healed
    FROM job_runs r
    WHERE r.id = ANY (:ids::uuid[]) AND r.job_id IS NOT NULL AND r.status IN ('success', 'failed')
        -- A refused undo says nothing about the schedule.
        AND r.mode = 'run'
    GROUP BY r.job_id
),
touched AS MATERIALIZED (
    SELECT j.id, o.healed FROM scheduled_jobs j JOIN outcome o ON o.job_id = j.id
    WHERE NOT o.healed OR j.failures > 0
    FOR NO KEY UPDATE OF j SKIP LOCKED
)
UPDATE scheduled_jobs j
SET failures = CASE WHEN t.healed THEN 0 ELSE j.failures + 1 END,
    backoff_until = CASE
        WHEN t.healed OR j.failures + 1 < 3 THEN NULL
        ELSE now() + least(
            greatest(interval '1 day', make_interval(mins => j.interval_minutes)),
            make_interval(mins => j.interval_minutes) * power(2, least(j.failures - 2, 20))
        )
    END
FROM touched t
WHERE j.id = t.id
