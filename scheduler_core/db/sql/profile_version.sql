-- One version, with the attributes it rests on that were deleted and those that read differently now.
SELECT v.version, v.run_id, v.created_at, v.summary, v.sentences::text AS sentences, v.revision, v.model,
    v.details::text AS details, cited.deleted, cited.changed
FROM entity_profiles p
JOIN entity_profile_versions v ON v.profile_id = p.id
CROSS JOIN LATERAL (
    SELECT array_agg(c.id ORDER BY c.id) FILTER (WHERE a.id IS NULL) AS deleted,
        array_agg(c.id ORDER BY c.id) FILTER (
            -- Versions of earlier releases did not keep how their attributes read.
            WHERE coalesce(v.sources ->> c.id::text <> bawt_attribute_print(a), a.updated_at > v.created_at)
        ) AS changed
    FROM bawt_cited_ids(v.sentences) AS c (id)
    LEFT JOIN entity_profile_attributes a
        ON a.id = c.id AND a.entity_type = p.entity_type AND a.entity_id = p.entity_id
) cited
WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id AND v.version = :version
