-- Which of some jobs an action can be done to now, for the question before it: nothing is locked.
SELECT j.id
FROM scheduled_jobs j
WHERE j.id = ANY (:jobs)
    AND CASE :action
        WHEN 'pause' THEN j.enabled
        WHEN 'resume' THEN NOT j.enabled
        ELSE NOT EXISTS (
            SELECT FROM job_runs r
            WHERE r.job_id = j.id AND r.status = 'pending' AND r.available_at <= now()
        )
    END
