-- How profiles are before a run changes them. Of a run that is not recorded nothing is kept.
INSERT INTO entity_profile_changes (run_id, profile_id, before, after)
SELECT r.id, p.id, s.state, s.state
FROM job_runs r
CROSS JOIN unnest(:profile_ids::integer[]) AS p (id)
CROSS JOIN LATERAL (SELECT bawt_profile_state(p.id) AS state) s
WHERE r.id = :run_id
ON CONFLICT (run_id, profile_id) DO NOTHING
