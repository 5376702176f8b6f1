-- How often what others own names somebody.
SELECT
    (SELECT count(*) FROM memories m
        WHERE (:bot::text IS NULL OR lower(m.bot_id) <> :bot::text) AND to_jsonb(m)::text ~* :pattern) AS memories,
    (SELECT count(*) FROM memory_archive m
        WHERE (:bot::text IS NULL OR lower(m.bot_id) <> :bot::text) AND m.memory::text ~* :pattern) AS archived,
    (SELECT count(*) FROM entity_profile_attributes a
        WHERE (a.entity_type, a.entity_id) <> (:entity_type::text, :entity_id::text)
        AND a.value::text ~* :pattern) AS attributes
