-- Every copied profile beside the service's row of it, which may be missing. The session's zone is UTC, so the
-- casts of times are right for columns with a zone and for those without. {copies} is the schema of the copies.
SELECT c.entity_type, c.entity_id, c.id AS profile_id, p.id AS service_id, p.summary AS summary_before,
    p.summary_updated_at::timestamptz AS updated_before, c.summary AS summary_given,
    -- The summary knows nothing that the service learned after the copies were made. A later time would tell
    -- the service that its summary covers that as well, and its own maintenance would pass it over.
    least(
        coalesce(c.summary_updated_at, c.updated_at), CASE WHEN a.learned_at > c.created_at THEN c.created_at END
    ) AS updated_given,
    coalesce(a.learned_at > c.created_at, false) AS is_behind,
    coalesce(c.summary, '') <> '' AS is_written,
    p.id IS NOT NULL AND c.summary <> '' AND c.summary IS DISTINCT FROM p.summary AS is_wanted,
    char_length(p.summary) AS length_before, char_length(c.summary) AS length_given
FROM {copies}.entity_profiles c
LEFT JOIN entity_profiles p ON lower(p.entity_type::text) = c.entity_type AND lower(p.entity_id) = c.entity_id
LEFT JOIN (
    SELECT entity_type, entity_id, max(updated_at)::timestamptz AS learned_at
    FROM entity_profile_attributes GROUP BY entity_type, entity_id
) a ON a.entity_type = p.entity_type AND a.entity_id = p.entity_id
