-- What became of runs this node believes it runs.
SELECT id, status = 'running' AND node_id = :node AS held, cancel_requested_by
FROM job_runs WHERE id = ANY (:ids)
    AND (cancel_requested_at IS NOT NULL OR status <> 'running' OR node_id IS DISTINCT FROM :node)
UNION ALL
-- And cancelled ones that it started and does not know of yet: the answer is on its way.
SELECT id, true, cancel_requested_by
FROM job_runs
WHERE status = 'running' AND node_id = :node AND cancel_requested_at IS NOT NULL AND id <> ALL (:ids)
