-- A claim_seq that was set back, or a job that was restored from an older copy, would count a slot again that
-- is on record. Counting goes on after the last recorded one.
WITH recorded AS (
    SELECT j.id, max(r.claim_seq) AS last
    FROM scheduled_jobs j
    JOIN job_runs r ON r.claim_seq > j.claim_seq
        -- History of a job that was deleted and put back has lost its job.
        AND (r.job_id = j.id OR (r.job_id IS NULL AND r.job_type = j.job_type AND r.scheduled_for = j.next_run_at))
    WHERE j.enabled AND j.next_run_at <= now()
    GROUP BY j.id
)
UPDATE scheduled_jobs j SET claim_seq = recorded.last
FROM recorded
WHERE j.id = recorded.id AND j.claim_seq < recorded.last
