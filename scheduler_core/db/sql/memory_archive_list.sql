-- A page of archived memories, the latest first, with the numbers kept when they left.
SELECT a.memory::text AS memory, a.archived_at AS at, a.number, a.run_id, a.merged_into, a.score,
    a.numbers::text AS numbers
FROM memory_archive a
WHERE a.cause = :cause AND (:bot::text IS NULL OR a.bot_id LIKE :bot::text)
    AND (:before::bigint IS NULL OR a.number < :before::bigint)
    AND (:tag::text IS NULL OR EXISTS (
        SELECT FROM jsonb_array_elements_text(
            CASE jsonb_typeof(a.memory -> 'tags') WHEN 'array' THEN a.memory -> 'tags' ELSE '[]' END
        ) n
        WHERE lower(n) = lower(:tag::text)
    ))
    AND NOT EXISTS (
        SELECT FROM unnest(:words::text[]) AS word
        WHERE position(lower(word) IN lower(a.memory ->> 'content')) = 0 AND a.id <> word
    )
    AND coalesce(a.score::float8, :least_score::float8) BETWEEN :least_score::float8 AND :most_score::float8
    AND (a.memory ->> 'importance')::float8 BETWEEN :least_importance::float8 AND :most_importance::float8
ORDER BY a.number DESC
LIMIT :page
