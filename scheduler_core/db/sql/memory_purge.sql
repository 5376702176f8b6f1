-- Deletes what has been in the archive for so long, in bites; what is left of a merge goes with its members.
WITH old AS MATERIALIZED (
    SELECT number FROM memory_archive
    WHERE archived_at < now() - make_interval(days => :days)
    ORDER BY archived_at LIMIT :batch
    FOR UPDATE SKIP LOCKED
),
purged AS (
    DELETE FROM memory_archive a USING old o WHERE a.number = o.number RETURNING a.number
),
merges AS (
    DELETE FROM memory_merges WHERE id IN (
        SELECT id FROM memory_merges WHERE merged_at < now() - make_interval(days => :days)
        ORDER BY merged_at LIMIT :batch
        FOR UPDATE SKIP LOCKED
    )
)
SELECT count(*) FROM purged
