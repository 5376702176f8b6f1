-- A page of the memories in use, by bot and id, with what each is worth by the formula of decay_memories.sql and
-- what keeps one that is worth little.
SELECT to_jsonb(m)::text AS memory, m.created_at AS at, worth.value AS score, shield.name AS shield,
    jsonb_build_object(
        'value', worth.value, 'half_life_days', life.days, 'days_idle', aged.idle, 'days_old', aged.old,
        'importance', m.importance, 'access_count', m.access_count, 'tag', tag.name, 'tag_weight', tag.weight
    )::text AS numbers
FROM memories m
CROSS JOIN LATERAL (
    SELECT date_part('epoch', now() - CASE WHEN isfinite(m.created_at) THEN m.created_at END) / 86400 AS old,
        date_part('epoch', now() - CASE
            WHEN isfinite(coalesce(m.last_accessed, m.created_at)) THEN coalesce(m.last_accessed, m.created_at)
        END) / 86400 AS idle
) raw
CROSS JOIN LATERAL (
    -- A time to come is no age; a time without end says nothing about age. `greatest` would swallow the NULL.
    SELECT CASE WHEN raw.old < 0 THEN 0 ELSE raw.old END AS old, CASE WHEN raw.idle < 0 THEN 0 ELSE raw.idle END AS idle
) aged
CROSS JOIN LATERAL (
    SELECT (array_agg(t.name ORDER BY t.weight DESC, t.name))[1] AS name, coalesce(max(t.weight), 1) AS weight,
        coalesce(bool_or(t.name IN ('pinned', 'explicit', 'identity', 'health')), false) AS protected
    FROM (
        SELECT lower(n) AS name, CASE lower(n)
            WHEN 'fact' THEN 2 WHEN 'health' THEN 1.5 WHEN 'work' THEN 1.5 WHEN 'relationship' THEN 1.2
            WHEN 'event' THEN 0.6 WHEN 'plan' THEN 0.5 ELSE 1 END::float8 AS weight
        FROM jsonb_array_elements_text(CASE jsonb_typeof(m.tags) WHEN 'array' THEN m.tags ELSE '[]' END) n
    ) t
) tag
CROSS JOIN LATERAL (
    SELECT 90 * power(2, 2 * m.importance - 1) * least(1 + 0.35 * ln(1 + m.access_count::float8), 3) * tag.weight
        AS days
) life
CROSS JOIN LATERAL (
    SELECT (0.05 + 0.95 * m.importance) * power(2, CASE WHEN aged.idle > 1000 * life.days THEN -1000 ELSE -aged.idle / life.days END) AS value
) worth
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN m.pinned THEN 'pinned'
        WHEN m.source = 'explicit' THEN 'explicit'
        WHEN tag.protected THEN 'tag'
        WHEN m.importance >= 0.9::real THEN 'important'
        WHEN worth.value >= 0.05 THEN NULL
        WHEN aged.idle < 30 OR aged.old < 30 THEN 'young'
        WHEN EXISTS (
            SELECT FROM memory_reprieves r WHERE r.bot_id = m.bot_id AND r.id = m.id
                AND r.restored_at > now() - make_interval(days => :reprieve_days)
        ) THEN 'restored'
        WHEN bawt_message_cited(m.source_message_ids) THEN 'cited'
    END AS name
) shield
WHERE (:bot::text IS NULL OR m.bot_id LIKE :bot::text)
    AND (:id::text IS NULL OR m.id = :id::text)
    AND (m.bot_id, m.id) > (:after_bot::text, :after_id::text)
    AND (:tag::text IS NULL OR EXISTS (
        SELECT FROM jsonb_array_elements_text(CASE jsonb_typeof(m.tags) WHEN 'array' THEN m.tags ELSE '[]' END) n
        WHERE lower(n) = lower(:tag::text)
    ))
    AND NOT EXISTS (
        SELECT FROM unnest(:words::text[]) AS word
        WHERE position(lower(word) IN lower(m.content)) = 0 AND m.id <> word
    )
    AND coalesce(worth.value, :least_score::float8) BETWEEN :least_score::float8 AND :most_score::float8
    AND m.importance::float8 BETWEEN :least_importance::float8 AND :most_importance::float8
ORDER BY m.bot_id, m.id
LIMIT :page
