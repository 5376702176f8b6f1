-- For each job: the slots it was due for and those that left a row. History that was expired is not missed:
-- counting starts at the oldest slot that is still there.
SELECT j.id, j.job_type, j.bot_id, j.claim_seq AS due, count(DISTINCT r.claim_seq) AS recorded,
    min(r.claim_seq) AS oldest
FROM scheduled_jobs j
LEFT JOIN job_runs r ON r.job_id = j.id AND r.claim_seq IS NOT NULL
GROUP BY j.id
HAVING j.claim_seq - coalesce(min(r.claim_seq), j.claim_seq + 1) + 1 <> count(DISTINCT r.claim_seq)
    OR max(r.claim_seq) <> j.claim_seq
    OR (
        -- A forced run counts as a run of the job, and not as a slot.
        count(r.claim_seq) = 0 AND j.claim_seq > 0 AND j.last_run_at > now() - make_interval(days => :days)
        AND NOT EXISTS (SELECT FROM job_runs m WHERE m.job_id = j.id AND m.status IN ('pending', 'running'))
        AND NOT EXISTS (
            SELECT FROM job_runs m WHERE m.job_id = j.id AND m.status IN ('success', 'failed', 'skipped')
        )
    )
LIMIT :limit
