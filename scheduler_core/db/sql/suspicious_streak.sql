-- The job of a run, if each of its latest successes up to that run looks wrong, and how many those are. Runs
-- that were skipped, forced dry, or failed count neither way.
SELECT r.job_id, r.job_type, r.bot_id, latest.streak
FROM job_runs r
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS streak, bool_and(cardinality(each.suspicious) > 0) AS all_odd
    FROM (
        SELECT p.suspicious FROM job_runs p
        WHERE p.job_id = r.job_id AND p.bot_id = r.bot_id AND p.status = 'success' AND p.mode = 'run'
            AND (p.started_at, p.id) <= (r.started_at, r.id)
        ORDER BY p.started_at DESC, p.id DESC
        LIMIT :limit
    ) each
) latest
WHERE r.id = ANY (:run_ids::uuid[]) AND r.job_id IS NOT NULL AND latest.all_odd AND latest.streak >= :limit
