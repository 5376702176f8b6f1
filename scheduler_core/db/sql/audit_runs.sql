-- Everything else that must never be, counted in one reading.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM job_runs WHERE claim_seq IS NOT NULL AND job_id IS NOT NULL
        GROUP BY job_id, bot_id, claim_seq HAVING count(*) > 1
    ) d) AS doubled,
    -- An attempt follows a failed one, and nothing follows another outcome.
    (SELECT count(*) FROM job_runs r JOIN job_runs before
        ON before.id = r.first_run_id AND r.attempt = 2
        WHERE before.status <> 'failed') AS retried_without_failure,
    (SELECT count(*) FROM (
        SELECT FROM job_runs WHERE first_run_id IS NOT NULL
        GROUP BY first_run_id, attempt HAVING count(*) > 1
    ) d) AS doubled_attempts,
    (SELECT count(*) FROM job_runs r WHERE r.status = 'running' AND NOT EXISTS (
        SELECT FROM scheduler_nodes n WHERE n.id = r.node_id
            AND n.lease_expires_at > now() - make_interval(secs => :grace)
    )) AS abandoned
