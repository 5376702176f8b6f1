-- Half-life regression. i = importance, a = accesses, d = days idle, m = by tag:
--   h = 90 · m · 2^(2i−1) · min(1 + 0.35 ln(1+a), 3)      v = (0.05 + 0.95 i) · 2^(−d/h)
-- Chooses what is worth less than 0.05, the worst first, unless too much of the store would qualify. It
-- changes nothing. One row for each chosen memory, or a single row of totals. What earlier attempts at the same
-- slot archived, and is in the archive still, counts towards the cap of this one.
WITH store AS (
    SELECT count(*) AS memories, count(*) FILTER (WHERE last_accessed IS NULL) AS unused,
        count(*) FILTER (WHERE last_accessed > now() + interval '1 day') AS future
    FROM memories WHERE bot_id = :bot
),
attempts AS (
    SELECT count(*) AS archived
    FROM job_runs mine
    JOIN job_runs earlier
        ON earlier.id = mine.first_run_id
            OR (earlier.first_run_id = mine.first_run_id AND earlier.attempt < mine.attempt)
    JOIN memory_archive a ON a.run_id = earlier.id
    WHERE mine.id = :run::uuid AND a.bot_id = :bot AND a.cause = 'decayed'
),
aged AS NOT MATERIALIZED (
    -- A second scan costs less than keeping all rows of the first. What is young or protected leaves here; a
    -- time without end says nothing about age. `date_part` is float8, `extract` would be numeric and slow.
    SELECT m.bot_id, m.id, m.importance AS i, m.access_count AS a, m.tags, m.source_message_ids,
        date_part('epoch', now() - at.used) / 86400 AS idle, date_part('epoch', now() - at.made) / 86400 AS old,
        90 * power(2, 2 * m.importance - 1) * least(1 + 0.35 * ln(1 + m.access_count::float8), 3) AS plain_life
    FROM memories m
    CROSS JOIN LATERAL (
        SELECT CASE WHEN isfinite(m.created_at) THEN m.created_at END AS made,
            CASE WHEN isfinite(coalesce(m.last_accessed, m.created_at))
                THEN coalesce(m.last_accessed, m.created_at) END AS used
    ) at
    WHERE m.bot_id = :bot AND at.used <= now() - interval '30 days' AND at.made <= now() - interval '30 days'
        AND m.importance < 0.9::real AND NOT m.pinned AND m.source <> 'explicit'
),
tagged AS MATERIALIZED (
    -- By itself, so that the planner can remember what a combination of tags means.
    SELECT g.*, tag.name AS tag, tag.weight, g.plain_life * tag.weight AS life
    FROM aged g
    CROSS JOIN LATERAL (
        -- Of several tags the one that lasts longest counts; health and identity are never archived.
        SELECT (array_agg(t.name ORDER BY t.weight DESC, t.name))[1] AS name, coalesce(max(t.weight), 1) AS weight,
            coalesce(bool_or(t.name IN ('pinned', 'explicit', 'identity', 'health')), false) AS protected
        FROM (
            SELECT lower(n) AS name, CASE lower(n)
                WHEN 'fact' THEN 2 WHEN 'health' THEN 1.5 WHEN 'work' THEN 1.5 WHEN 'relationship' THEN 1.2
                WHEN 'event' THEN 0.6 WHEN 'plan' THEN 0.5 ELSE 1 END::float8 AS weight
            FROM jsonb_array_elements_text(CASE jsonb_typeof(g.tags) WHEN 'array' THEN g.tags ELSE '[]' END) n
        ) t
    ) tag
    -- Tags are read only where the shortest life that a tag can give, half the plain one, is over. After a
    -- thousand half-lives a number is too small to be one.
    WHERE (0.05 + 0.95 * g.i) * power(2, -least(g.idle / (g.plain_life * 0.5), 1000)) < 0.05 AND NOT tag.protected
),
low AS (
    SELECT t.*, worth.value
    FROM tagged t
    CROSS JOIN LATERAL (
        SELECT (0.05 + 0.95 * t.i) * power(2, -least(t.idle / t.life, 1000)) AS value
    ) worth
    WHERE worth.value < 0.05
),
cited AS (
    -- One join finds the few that could be, before each of those is looked at.
    SELECT DISTINCT l.id
    FROM low l
    CROSS JOIN jsonb_array_elements_text(
        CASE jsonb_typeof(l.source_message_ids) WHEN 'array' THEN l.source_message_ids ELSE '[]' END
    ) AS message
    JOIN entity_profile_attributes a ON a.source_message_id = message
    WHERE bawt_message_cited(jsonb_build_array(message))
),
below AS (
    SELECT l.* FROM low l
    WHERE NOT EXISTS (SELECT FROM cited c WHERE c.id = l.id)
        AND NOT EXISTS (
            SELECT FROM memory_reprieves r
            WHERE r.bot_id = l.bot_id AND r.id = l.id
                AND r.restored_at > now() - make_interval(days => :reprieve_days)
        )
),
totals AS (
    SELECT s.*, (SELECT count(*) FROM below) AS below,
        t.archived AS earlier,
        greatest(
            least(greatest(ceil((s.memories + t.archived) * :cap_share::float8), 1), :cap_rows::bigint) - t.archived,
            0
        )::bigint AS cap
    FROM store s, attempts t
),
chosen AS (
    SELECT b.* FROM below b, totals t
    WHERE t.below <= greatest((t.memories + t.earlier) * :breaker_share::float8, 1)
    ORDER BY b.value, b.id
    LIMIT (SELECT cap FROM totals)
)
SELECT t.memories, t.below, t.future, t.unused, t.earlier, t.cap,
    c.id, c.value, c.life, c.idle, c.old, c.i, c.a, c.weight, c.tag,
    sha256(convert_to(to_jsonb(m)::text, 'UTF8')) AS state
FROM totals t
LEFT JOIN (chosen c JOIN memories m ON m.bot_id = c.bot_id AND m.id = c.id) ON true
ORDER BY c.value, c.id
