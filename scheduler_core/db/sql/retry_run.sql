-- One more attempt at a failed run, now; zero rows: a run of this job and bot waits already.
INSERT INTO job_runs (
    job_id, job_type, bot_id, trigger, scheduled_for, coalesced, attempt, first_run_id, mode, source_run_id
)
SELECT r.job_id, r.job_type, r.bot_id, 'manual', r.scheduled_for, r.coalesced,
    -- The run need not be the last attempt: it may have been retried before.
    1 + greatest(r.attempt, (
        SELECT max(a.attempt) FROM job_runs a WHERE a.first_run_id = coalesce(r.first_run_id, r.id)
    )),
    coalesce(r.first_run_id, r.id), r.mode, r.source_run_id
FROM job_runs r
WHERE r.id = :run AND r.status = 'failed' AND r.job_id IS NOT NULL
ON CONFLICT (job_id, bot_id, status) WHERE status IN ('pending', 'running')
-- An attempt that waits for better times is what was asked for; it need not wait any longer.
DO UPDATE SET available_at = now()
WHERE job_runs.available_at > clock_timestamp() AND job_runs.first_run_id = EXCLUDED.first_run_id
RETURNING *
