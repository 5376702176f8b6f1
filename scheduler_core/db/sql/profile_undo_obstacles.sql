-- Whatever stands on what a run did, and so forbids to take it back; one row a profile.
SELECT p.entity_type, p.entity_id, CASE WHEN latest.version > (c.after).version THEN latest.version END AS newer, gone.ids
FROM entity_profile_changes c
JOIN entity_profiles p ON p.id = c.profile_id
LEFT JOIN LATERAL (
    SELECT v.version FROM entity_profile_versions v
    WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
) latest ON true
LEFT JOIN entity_profile_versions left_behind
    ON left_behind.profile_id = p.id AND left_behind.version = (c.after).summary_version
LEFT JOIN entity_profile_versions earlier
    ON earlier.profile_id = p.id AND earlier.version = (c.before).version
CROSS JOIN LATERAL (
    SELECT array_agg(q.id ORDER BY q.id) AS ids FROM bawt_cited_ids(earlier.sentences) AS q (id)
    WHERE NOT EXISTS (
        SELECT FROM entity_profile_attributes a
        WHERE a.id = q.id AND a.entity_type = p.entity_type AND a.entity_id = p.entity_id
    )
) gone
WHERE c.run_id = :run_id AND (
    gone.ids IS NOT NULL
    OR (
        p.summary, p.display_name, p.summary_updated_at, p.summarised_revision, p.summary_model, p.summary_recipe
    ) IS DISTINCT FROM (
        CASE WHEN (c.after).summary_version = 0 THEN '' ELSE left_behind.summary END,
        (c.after).display_name, (c.after).summary_updated_at, (c.after).summarised_revision,
        (c.after).summary_model, (c.after).summary_recipe
    )
)
ORDER BY p.entity_type COLLATE "C", p.entity_id COLLATE "C"
