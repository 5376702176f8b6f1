-- What became of the runs of a time; of very many, the newest. A dry run counts only where it failed, because
-- it changed nothing.
WITH seen AS MATERIALIZED (
    SELECT id, first_run_id, attempt, status, mode, started_at, coalesced, cardinality(suspicious) AS marks,
        status = 'skipped' AND starts_with(reason, 'overlap:') AS overlapped
    FROM job_runs
    WHERE status IN ('success', 'failed', 'skipped') AND started_at >= :since AND started_at < :until
    ORDER BY started_at DESC, id DESC
    LIMIT :most
),
active AS (
    SELECT count(*) AS running, coalesce(sum(coalesced), 0) AS missed FROM job_runs
    WHERE status = 'running' AND started_at >= :since AND started_at < :until
)
SELECT (SELECT running FROM active) AS running,
    count(*) FILTER (WHERE status = 'success' AND mode <> 'dry_run') AS success,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    -- One look into an index for each failure, and failures are few.
    count(*) FILTER (WHERE status = 'failed' AND EXISTS (
        SELECT FROM job_runs n
        WHERE n.first_run_id = coalesce(seen.first_run_id, seen.id) AND n.attempt > seen.attempt
            AND n.status = 'success'
    )) AS recovered,
    count(*) FILTER (WHERE status = 'skipped' AND mode <> 'dry_run') AS skipped,
    count(*) FILTER (WHERE status = 'success' AND marks > 0 AND mode <> 'dry_run') AS suspicious,
    count(*) FILTER (WHERE overlapped) AS overlapped,
    count(*) FILTER (WHERE mode = 'undo' AND status = 'success') AS undone,
    (coalesce(sum(coalesced), 0) + (SELECT missed FROM active))::bigint AS missed,
    CASE WHEN count(*) = :most THEN min(started_at) ELSE :since END AS counted_from
FROM seen
