-- How much is known of an entity where it is the owner.
SELECT
    (SELECT count(*) FROM entity_profiles p
        WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id) AS profiles,
    (SELECT count(*) FROM entity_profile_attributes a
        WHERE a.entity_type = :entity_type AND a.entity_id = :entity_id) AS attributes,
    (SELECT count(*) FROM entity_profile_versions v JOIN entity_profiles p ON p.id = v.profile_id
        WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id) AS versions,
    (SELECT count(*) FROM entity_profile_drafts d JOIN entity_profiles p ON p.id = d.profile_id
        WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id) AS drafts,
    (SELECT count(*) FROM entity_profile_judgements j JOIN entity_profiles p ON p.id = j.profile_id
        WHERE p.entity_type = :entity_type AND p.entity_id = :entity_id) AS judgements,
    (SELECT count(*) FROM memories WHERE lower(bot_id) = :bot::text) AS memories,
    (SELECT count(*) FROM memory_archive WHERE lower(bot_id) = :bot::text) AS archived_memories,
    (SELECT count(*) FROM job_run_events e JOIN job_runs r ON r.id = e.run_id
        WHERE lower(r.bot_id) = :bot::text) AS log_lines,
    (SELECT count(*) FROM run_plans p JOIN job_runs r ON r.id = p.run_id
        WHERE lower(r.bot_id) = :bot::text) AS plans
