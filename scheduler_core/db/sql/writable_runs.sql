-- Of runs whose outcome could not be written, those that nobody's open transaction holds now, and which outcome
-- of this node is there already. A row that is gone is held by nobody.
WITH runs AS MATERIALIZED (
    SELECT r.id, r.job_id, CASE WHEN r.finished_at IS NOT NULL AND r.node_id = :node THEN r.status END AS recorded
    FROM job_runs r
    WHERE r.id = ANY (:ids::uuid[])
    FOR NO KEY UPDATE SKIP LOCKED
),
-- A failure writes about its job too.
jobs AS MATERIALIZED (
    SELECT j.id FROM scheduled_jobs j
    WHERE j.id IN (SELECT runs.job_id FROM runs)
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT r.id, r.recorded
FROM runs r
WHERE r.job_id IN (SELECT jobs.id FROM jobs)
    OR NOT EXISTS (SELECT FROM scheduled_jobs j WHERE j.id = r.job_id)
UNION ALL
SELECT w.id, NULL
FROM unnest(:ids::uuid[]) AS w (id)
WHERE NOT EXISTS (SELECT FROM job_runs r WHERE r.id = w.id)
