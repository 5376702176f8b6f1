-- A claim_seq that was set back, or a job that was restored from an older copy, would count a slot again that
-- is on record. Counting goes on after the last recorded one.
WITH due AS (
    -- Those that a claim looks at next; what comes after them has its turn when it is in the way.
    SELECT id, job_type, next_run_at FROM scheduled_jobs
    WHERE enabled AND NOT needs_slot AND next_run_at <= now()
    ORDER BY next_run_at
    LIMIT 1000
),
recorded AS (
    SELECT id, max(claim_seq) AS last
    FROM (
        SELECT d.id, r.claim_seq FROM due d JOIN job_runs r ON r.job_id = d.id
        WHERE r.status IN ('success', 'failed', 'skipped')
        UNION ALL
        SELECT d.id, r.claim_seq FROM due d JOIN job_runs r ON r.job_id = d.id
        WHERE r.status IN ('pending', 'running')
        UNION ALL
        -- History of a job that was deleted and put back has lost its job.
        SELECT d.id, r.claim_seq FROM due d
        JOIN job_runs r ON r.job_type = d.job_type AND r.scheduled_for = d.next_run_at
        WHERE r.job_id IS NULL AND r.status IN ('success', 'failed', 'skipped')
        UNION ALL
        SELECT d.id, r.claim_seq FROM due d
        JOIN job_runs r ON r.job_type = d.job_type AND r.scheduled_for = d.next_run_at
        WHERE r.job_id IS NULL AND r.status IN ('pending', 'running')
    ) seen
    GROUP BY id
)
UPDATE scheduled_jobs j SET claim_seq = recorded.last
FROM recorded
WHERE j.id = recorded.id AND j.claim_seq < recorded.last
