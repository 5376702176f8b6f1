-- What became of runs this node believes it runs.
SELECT id, status = 'running' AND node_id = :node AS held, cancel_requested_by
FROM job_runs WHERE id = ANY (:ids)
    AND (cancel_requested_at IS NOT NULL OR status <> 'running' OR node_id IS DISTINCT FROM :node)
