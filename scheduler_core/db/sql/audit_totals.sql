-- What became of every slot: the status of its last attempt.
SELECT status, count(*) AS slots FROM (
    SELECT DISTINCT ON (coalesce(r.first_run_id, r.id)) r.status
    FROM job_runs r
    WHERE r.claim_seq IS NOT NULL OR (r.first_run_id IS NOT NULL AND EXISTS (
        SELECT FROM job_runs f WHERE f.id = r.first_run_id AND f.claim_seq IS NOT NULL
    ))
    ORDER BY coalesce(r.first_run_id, r.id), r.attempt DESC
) last
GROUP BY status
