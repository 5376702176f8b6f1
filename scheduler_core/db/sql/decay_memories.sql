-- Half-life regression. i = importance, a = accesses, d = days idle, m = by tag:
--   h = 90 · m · 2^(2i−1) · min(1 + 0.35 ln(1+a), 3)      v = (0.05 + 0.95 i) · 2^(−d/h)
-- What is worth less than 0.05 goes to the archive, the worst first, unless too much of the store would.
WITH scored AS (
    SELECT m.id,
        (0.05 + 0.95 * m.importance) * power(2, -greatest(age.idle, 0) / (
            90 * tag.weight * power(2, 2 * m.importance - 1) * least(1 + 0.35 * ln(1 + m.access_count), 3)
        )) AS score,
        age.idle >= 30 AND age.old >= 30 AND m.importance < 0.9 AND NOT tag.protected AS eligible
    FROM memories m
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM now() - coalesce(m.last_accessed, m.created_at)) / 86400.0 AS idle,
            extract(epoch FROM now() - m.created_at) / 86400.0 AS old
    ) age
    CROSS JOIN LATERAL (
        -- Of several tags the one that lasts longest counts; health and identity are never archived.
        SELECT coalesce(max(CASE lower(t)
                WHEN 'fact' THEN 2 WHEN 'health' THEN 1.5 WHEN 'work' THEN 1.5 WHEN 'relationship' THEN 1.2
                WHEN 'event' THEN 0.6 WHEN 'plan' THEN 0.5 ELSE 1 END), 1) AS weight,
            coalesce(bool_or(lower(t) IN ('pinned', 'explicit', 'identity', 'health')), false) AS protected
        FROM jsonb_array_elements_text(
            CASE jsonb_typeof(m.tags) WHEN 'array' THEN m.tags ELSE '[]' END
        ) AS t
    ) tag
    WHERE m.bot_id = :bot
),
count AS (
    SELECT count(*) AS all_rows, count(*) FILTER (WHERE eligible AND score < 0.05) AS below FROM scored
),
chosen AS (
    SELECT s.id, s.score FROM scored s, count c
    WHERE s.eligible AND s.score < 0.05 AND c.below <= greatest(c.all_rows * 0.2, 1)
    ORDER BY s.score, s.id
    LIMIT (SELECT least(greatest(ceil(all_rows * 0.02), 1), 5000)::bigint FROM count)
),
gone AS (
    DELETE FROM memories m USING chosen c
    WHERE m.bot_id = :bot AND m.id = c.id
    RETURNING m.*, c.score
),
kept AS (
    INSERT INTO memory_archive (bot_id, id, run_id, cause, score, memory)
    SELECT g.bot_id, g.id, :run::uuid, 'decayed', g.score, to_jsonb(g) - 'score' FROM gone g
    RETURNING id
)
SELECT c.all_rows, c.below, (SELECT count(*) FROM kept) AS archived FROM count c
