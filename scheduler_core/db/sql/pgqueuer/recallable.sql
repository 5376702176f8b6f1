-- Messages whose run waits no longer: cancelled, paused, or started by somebody else. Not ours: nobody's.
SELECT m.id FROM bawt_pgqueuer.pgqueuer m
WHERE m.status = 'queued' AND NOT EXISTS (
    SELECT FROM job_runs r
    WHERE r.id = CASE WHEN m.dedupe_key ~ '^[0-9a-f-]{36}$' THEN m.dedupe_key::uuid END AND r.status = 'pending'
)
LIMIT :most
