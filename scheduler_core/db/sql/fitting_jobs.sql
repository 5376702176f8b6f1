-- Which of some jobs an action can be done to now, locked in one order so that two bulk actions never
-- deadlock.
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
ORDER BY j.id
FOR NO KEY UPDATE
