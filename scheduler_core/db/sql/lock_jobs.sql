-- Keeps the jobs of these runs from being deleted, before the runs are locked: whoever deletes a job locks it and then
-- its runs, so the other way round each would wait for the other. By their ids, because two may do this at once.
SELECT FROM scheduled_jobs j
WHERE j.id = ANY (ARRAY(SELECT r.job_id FROM job_runs r WHERE r.id = ANY (:ids::uuid[])))
ORDER BY j.id
FOR KEY SHARE
