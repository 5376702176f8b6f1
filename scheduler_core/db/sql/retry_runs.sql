-- Another attempt for failed runs, unless somebody cancelled them, or the job is gone, paused or already has a
-- waiting run.
INSERT INTO job_runs (
    job_id, job_type, bot_id, trigger, scheduled_for, coalesced, attempt, first_run_id, available_at,
    mode, source_run_id
)
SELECT r.job_id, r.job_type, r.bot_id,
    -- Of a paused job only what a person asked for goes on, and is told from what the pause stops.
    CASE WHEN j.enabled THEN 'retry' ELSE 'manual' END,
    r.scheduled_for, r.coalesced,
    -- A person may have asked for another attempt, and cancelled that one, while this one ran.
    1 + greatest(r.attempt, (
        SELECT max(a.attempt) FROM job_runs a WHERE a.first_run_id = coalesce(r.first_run_id, r.id)
    )),
    coalesce(r.first_run_id, r.id), now() + make_interval(secs => w.delay),
    r.mode, r.source_run_id
FROM unnest(:ids::uuid[], :delays::double precision[]) AS w (id, delay)
JOIN job_runs r ON r.id = w.id
JOIN scheduled_jobs j ON j.id = r.job_id
WHERE r.status = 'failed' AND r.cancel_requested_at IS NULL AND (j.enabled OR r.trigger = 'manual')
ON CONFLICT (job_id, bot_id, status) WHERE status IN ('pending', 'running') DO NOTHING
RETURNING first_run_id, attempt, available_at
