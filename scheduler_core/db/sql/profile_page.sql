-- A page of profiles by name, each with its latest version and what was odd about the run that made it.
SELECT q.* FROM (
    SELECT p.entity_type, p.entity_id, p.display_name, p.summary, p.summary_updated_at, p.revision,
        p.summarised_revision, p.summary_model, v.version,
        (
            SELECT count(*) FROM entity_profile_attributes a
            WHERE a.entity_type = p.entity_type AND a.entity_id = p.entity_id
        ) AS attributes,
        odd.reasons,
        CASE
            WHEN odd.reasons IS NOT NULL THEN 'suspicious'
            WHEN EXISTS (
                SELECT FROM entity_profile_holds h WHERE h.profile_id = p.id AND h.revision = p.revision
            ) THEN 'held'
            WHEN p.summarised_revision = p.revision THEN 'unchanged'
            WHEN p.summary IS NULL AND v.version IS NULL THEN 'new'
            ELSE 'changed'
        END AS state
    FROM entity_profiles p
    LEFT JOIN LATERAL (
        SELECT o.version, o.run_id FROM entity_profile_versions o
        WHERE o.profile_id = p.id ORDER BY o.version DESC LIMIT 1
    ) v ON true
    LEFT JOIN LATERAL (
        -- A run's reasons begin with the name of the profile they concern.
        SELECT array_agg(each.text) AS reasons
        FROM job_runs r CROSS JOIN LATERAL unnest(r.suspicious) AS each (text)
        WHERE r.id = v.run_id AND starts_with(each.text, p.entity_type || '/' || p.entity_id || ':')
    ) odd ON true
    WHERE (:entity_type::text IS NULL OR p.entity_type = :entity_type::text)
        AND (p.entity_type, p.entity_id) > (:after_type::text, :after_id::text)
        AND NOT EXISTS (
            SELECT FROM unnest(:words::text[]) AS word
            WHERE position(lower(word) IN lower(p.entity_id || ' ' || coalesce(p.display_name, ''))) = 0
        )
) q
WHERE cardinality(:states::text[]) = 0 OR q.state = ANY (:states::text[])
ORDER BY q.entity_type, q.entity_id
LIMIT :page
