-- A live summary that no version holds (written by hand, or by another program) becomes a version before it
-- is replaced, so that it can be read and brought back. The caller locked the profiles in an earlier
-- statement, because this one has to see what the last holder of the lock wrote.
INSERT INTO entity_profile_versions (profile_id, version, summary, sentences, revision, details)
SELECT p.id, coalesce(latest.version, 0) + 1, p.summary, '[]', p.revision, '{"foreign": true}'
FROM entity_profiles p
LEFT JOIN LATERAL (
    SELECT v.version, v.summary FROM entity_profile_versions v
    WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
) latest ON true
WHERE p.id = ANY (:profile_ids::integer[]) AND p.summary <> '' AND p.summary IS DISTINCT FROM latest.summary
RETURNING profile_id, version
