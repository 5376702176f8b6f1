-- The columns of its tables, in the schema that the search path finds them in. Memories lie in `memories`,
-- or before the middle of 2026 in one table for each bot.
SELECT c.relname AS table_name, c.relkind = 'p' AS partitioned, a.attname AS column_name,
    format_type(a.atttypid, NULL) AS type, t.typtype = 'e' AS is_enum
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relnamespace = (
        SELECT relnamespace FROM pg_class
        WHERE oid = coalesce(to_regclass('entity_profiles'), to_regclass('scheduled_jobs'))
    )
    AND (
        c.relname IN (
            'scheduled_jobs', 'job_runs', 'entity_profiles', 'entity_profile_attributes', 'memories',
            'llm_bawt_schema_version'
        )
        OR c.relname LIKE '%\_memories'
    )
ORDER BY c.relname, a.attnum
