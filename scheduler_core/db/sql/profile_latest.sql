-- The number of the latest version of profiles, 0 for none.
SELECT n.id, (
    SELECT coalesce(max(v.version), 0) FROM entity_profile_versions v WHERE v.profile_id = n.id
) AS version
FROM unnest(:profile_ids::integer[]) AS n (id)
