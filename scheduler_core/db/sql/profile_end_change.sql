-- How the same profiles are afterwards.
UPDATE entity_profile_changes c SET after = bawt_profile_state(c.profile_id)
WHERE c.run_id = :run_id AND c.profile_id = ANY (:profile_ids::integer[])
