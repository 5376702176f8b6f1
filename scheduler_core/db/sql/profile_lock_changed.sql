-- The profiles a run changed, in the order in which imports take them.
SELECT p.id, p.entity_type, p.entity_id, c.undone_by
FROM entity_profile_changes c
JOIN entity_profiles p ON p.id = c.profile_id
WHERE c.run_id = :run_id
ORDER BY p.entity_type, p.entity_id
FOR NO KEY UPDATE OF p
