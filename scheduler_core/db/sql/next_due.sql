-- Seconds until the next slot or waiting run, NULL when there is neither; and whether a cron job wants a look.
SELECT extract(epoch FROM least(
        (SELECT min(next_run_at) FROM scheduled_jobs WHERE enabled AND NOT needs_slot),
        -- Also those whose time came during the look that asks: it may have been too early for them.
        (SELECT min(available_at) FROM job_runs
            WHERE status = 'pending' AND available_at > now() - make_interval(secs => :looked))
    ) - now())::double precision AS seconds,
    EXISTS (SELECT FROM scheduled_jobs WHERE needs_slot)
        OR EXISTS (SELECT FROM scheduled_jobs WHERE enabled AND cron IS NOT NULL AND next_run_at <= now()) AS cron
