-- The next due of the jobs that fit a filter, each as `list_jobs` gives it. They are looked at in the order in
-- which they are due, until there are enough: a filter that fits few of very many jobs reads them all.
SELECT *
FROM (
    SELECT j.*,
        greatest(0, extract(epoch FROM now() - j.next_run_at))::double precision AS overdue,
        current_run.run AS current_run,
        last_run.run AS last_run,
        latest.told,
        -- What an operator needs to know first; consoles say it of a job by the same rules.
        CASE
            WHEN (current_run.run).status = 'running' THEN 'running'
            WHEN NOT j.enabled THEN 'paused'
            WHEN (current_run.run).id IS NOT NULL THEN 'pending'
            WHEN j.next_run_at < now() - make_interval(secs => :late_after) THEN 'late'
            WHEN (last_run.run).id IS NULL THEN 'new'
            WHEN (last_run.run).status <> 'success' THEN (last_run.run).status
            WHEN cardinality((last_run.run).suspicious) > 0 THEN 'suspicious'
            ELSE 'ok'
        END AS state
    FROM scheduled_jobs j
    LEFT JOIN LATERAL (
        SELECT r AS run FROM job_runs r
        WHERE r.job_id = j.id AND r.status IN ('pending', 'running')
        ORDER BY r.status DESC, r.created_at LIMIT 1
    ) current_run ON true
    LEFT JOIN LATERAL (
        SELECT r AS run FROM job_runs r
        WHERE r.job_id = j.id AND r.status IN ('success', 'failed', 'skipped') AND r.started_at IS NOT NULL
            AND r.mode = 'run'
        ORDER BY r.started_at DESC, r.id DESC LIMIT 1
    ) last_run ON true
    CROSS JOIN LATERAL (
        SELECT lower(concat_ws(
            E'\n', j.id, j.job_type, j.bot_id, j.paused_by, j.paused_reason, j.config_json,
            (l.run).id, (l.run).error_message, (l.run).reason, (l.run).progress,
            array_to_string((l.run).suspicious, E'\n')
        )) AS told
        FROM (SELECT CASE WHEN (current_run.run).id IS NULL THEN last_run.run ELSE current_run.run END AS run) l
    ) latest
) found
WHERE (:job::uuid IS NULL OR id = :job)
    AND (:job_type::text IS NULL OR lower(job_type) LIKE :job_type)
    AND (:bot::text IS NULL OR lower(bot_id) LIKE :bot)
    AND (cardinality(:states::text[]) = 0 OR state = ANY (:states))
    AND NOT EXISTS (SELECT FROM unnest(:words::text[]) AS w (word) WHERE position(w.word IN told) = 0)
ORDER BY next_run_at, id
LIMIT :limit
