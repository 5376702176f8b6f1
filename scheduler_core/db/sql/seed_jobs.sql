-- Each default job once per database; one that was deleted stays deleted.
WITH wanted AS (
    SELECT * FROM unnest(:job_types::text[], :intervals::integer[])
        WITH ORDINALITY AS w (job_type, interval_minutes, place)
),
before AS (
    SELECT name, interval_minutes FROM scheduler_seeds
),
marked AS (
    INSERT INTO scheduler_seeds (name, interval_minutes)
    SELECT job_type, interval_minutes FROM wanted
    ON CONFLICT (name) DO UPDATE SET interval_minutes = excluded.interval_minutes
    WHERE scheduler_seeds.interval_minutes <> excluded.interval_minutes
    RETURNING name, interval_minutes
),
added AS (
    -- Due at once: on an empty database the first run only says so, and after an import it is wanted. The
    -- milliseconds keep the order in which they were given.
    INSERT INTO scheduled_jobs (job_type, interval_minutes, next_run_at)
    SELECT m.name, m.interval_minutes, now() - make_interval(secs => 1.0 / (w.place + 1))
    FROM marked m JOIN wanted w ON w.job_type = m.name
    WHERE NOT EXISTS (SELECT FROM before b WHERE b.name = m.name)
    RETURNING id
),
moved AS (
    -- The setting changed: it moves the job unless somebody chose another interval by hand.
    UPDATE scheduled_jobs j
    SET interval_minutes = m.interval_minutes,
        next_run_at = least(j.next_run_at, now() + make_interval(mins => m.interval_minutes))
    FROM marked m JOIN before b ON b.name = m.name
    WHERE j.job_type = m.name AND j.bot_id = '*' AND j.interval_minutes = b.interval_minutes
    RETURNING j.id
)
SELECT (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM moved) AS moved
