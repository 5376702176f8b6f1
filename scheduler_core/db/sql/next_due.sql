-- Seconds until the next slot or waiting run; NULL when there is neither.
SELECT extract(epoch FROM least(
    (SELECT min(next_run_at) FROM scheduled_jobs WHERE enabled),
    (SELECT min(available_at) FROM job_runs WHERE status = 'pending' AND available_at > now())
) - now())::double precision
