-- A run with whatever followed it in this way and did not fail. The caller locked the run in an earlier
-- statement, because this one has to see what the last holder of the lock wrote.
SELECT r.status, r.mode, p.run_id IS NOT NULL AS has_plan,
    r.job_type, source.run_id IS NOT NULL AND source.applied_by IS DISTINCT FROM r.id AS left_plan,
    coalesce(p.applied_by, f.id) AS followed_by,
    CASE WHEN p.applied_by IS NULL THEN f.status ELSE 'success' END AS followed_status
FROM job_runs r
LEFT JOIN run_plans p ON p.run_id = r.id
LEFT JOIN run_plans source ON source.run_id = r.source_run_id
LEFT JOIN LATERAL (
    SELECT n.id, n.status FROM job_runs n
    WHERE n.source_run_id = r.id AND n.mode = :mode AND n.status IN ('pending', 'running', 'success')
    ORDER BY n.created_at LIMIT 1
) f ON true
WHERE r.id = :run
