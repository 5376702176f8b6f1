-- Everything a bot remembers, and what merges did to it. Vectors, verdicts and reprieves go with the memories.
WITH archive AS (
    DELETE FROM memory_archive WHERE lower(bot_id) = :bot::text
),
merges AS (
    DELETE FROM memory_merges WHERE lower(bot_id) = :bot::text
)
DELETE FROM memories WHERE lower(bot_id) = :bot::text
