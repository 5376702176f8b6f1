-- Half-life regression. i = importance, a = accesses, d = days idle, m = by tag:
--   h = 90 · m · 2^(2i−1) · min(1 + 0.35 ln(1+a), 3)      v = (0.05 + 0.95 i) · 2^(−d/h)
-- Chooses what is worth less than 0.05, the worst first, unless too much of the store would qualify. It
-- changes nothing. One row for each chosen memory, or a single row of totals.
WITH aged AS (
    SELECT m.bot_id, m.id, m.importance AS i, m.access_count AS a, m.last_accessed,
        extract(epoch FROM now() - coalesce(at.used, at.made, now()))::float8 / 86400 AS idle,
        extract(epoch FROM now() - coalesce(at.made, now()))::float8 / 86400 AS old,
        90 * power(2, 2 * m.importance - 1) * least(1 + 0.35 * ln(1 + m.access_count::float8), 3) AS plain_life,
        m.tags, m.pinned, m.source, m.source_message_ids
    FROM memories m
    CROSS JOIN LATERAL (
        -- A time without end says nothing, and must not stop the others.
        SELECT CASE WHEN isfinite(m.last_accessed) THEN m.last_accessed END AS used,
            CASE WHEN isfinite(m.created_at) THEN m.created_at END AS made
    ) at
    WHERE m.bot_id = :bot
),
low AS (
    -- Tags are read only where the shortest life that a tag can give, half the plain one, is over.
    SELECT g.*, tag.name AS tag, coalesce(tag.weight, 1) AS weight,
        g.plain_life * coalesce(tag.weight, 1) AS life,
        -- After a thousand half-lives a number is too small to be one.
        (0.05 + 0.95 * g.i) * power(2, -least(g.idle / (g.plain_life * coalesce(tag.weight, 1)), 1000)) AS value
    FROM aged g
    CROSS JOIN LATERAL (
        -- Of several tags the one that lasts longest counts; health and identity are never archived.
        SELECT (array_agg(t.name ORDER BY t.weight DESC, t.name))[1] AS name, max(t.weight) AS weight,
            coalesce(bool_or(t.name IN ('pinned', 'explicit', 'identity', 'health')), false) AS protected
        FROM (
            SELECT lower(n) AS name, CASE lower(n)
                WHEN 'fact' THEN 2 WHEN 'health' THEN 1.5 WHEN 'work' THEN 1.5 WHEN 'relationship' THEN 1.2
                WHEN 'event' THEN 0.6 WHEN 'plan' THEN 0.5 ELSE 1 END::float8 AS weight
            FROM jsonb_array_elements_text(CASE jsonb_typeof(g.tags) WHEN 'array' THEN g.tags ELSE '[]' END) n
        ) t
    ) tag
    WHERE g.idle >= 30 AND g.old >= 30 AND g.i < 0.9::real AND NOT g.pinned AND g.source <> 'explicit'
        AND (0.05 + 0.95 * g.i) * power(2, -least(greatest(g.idle, 0) / (g.plain_life * 0.5), 1000)) < 0.05
        AND NOT tag.protected
),
cited AS (
    -- A live summary rests on an attribute that came from the same message as the memory.
    SELECT DISTINCT l.id
    FROM low l
    CROSS JOIN jsonb_array_elements_text(
        CASE jsonb_typeof(l.source_message_ids) WHEN 'array' THEN l.source_message_ids ELSE '[]' END
    ) AS message
    JOIN entity_profile_attributes a ON a.source_message_id = message
    JOIN entity_profiles p ON p.entity_type = a.entity_type AND p.entity_id = a.entity_id
    WHERE p.summary IS NOT NULL AND (
        SELECT v.sentences @> jsonb_build_array(jsonb_build_object('attribute_ids', jsonb_build_array(a.id)))
        FROM entity_profile_versions v WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
    )
),
below AS (
    SELECT l.* FROM low l
    WHERE l.value < 0.05
        AND NOT EXISTS (SELECT FROM cited c WHERE c.id = l.id)
        AND NOT EXISTS (
            SELECT FROM memory_reprieves r
            WHERE r.bot_id = l.bot_id AND r.id = l.id
                AND r.restored_at > now() - make_interval(days => :reprieve_days)
        )
),
totals AS (
    SELECT count(*) AS memories, (SELECT count(*) FROM below) AS below,
        count(*) FILTER (WHERE idle < -1) AS future, count(*) FILTER (WHERE last_accessed IS NULL) AS unused,
        least(greatest(ceil(count(*) * :cap_share::float8), 1), :cap_rows::bigint)::bigint AS cap
    FROM aged
),
chosen AS (
    SELECT b.* FROM below b, totals t
    WHERE t.below <= greatest(t.memories * :breaker_share::float8, 1)
    ORDER BY b.value, b.id
    LIMIT (SELECT cap FROM totals)
)
SELECT t.memories, t.below, t.future, t.unused, t.cap,
    c.id, c.value, c.life, c.idle, c.old, c.i, c.a, c.weight, c.tag,
    sha256(convert_to(to_jsonb(m)::text, 'UTF8')) AS state
FROM totals t
LEFT JOIN (chosen c JOIN memories m ON m.bot_id = c.bot_id AND m.id = c.id) ON true
ORDER BY c.value, c.id
