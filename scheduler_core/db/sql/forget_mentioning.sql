-- Memories whose text names somebody, in use and archived.
WITH archive AS (
    DELETE FROM memory_archive WHERE memory::text ~* :pattern
)
DELETE FROM memories m WHERE to_jsonb(m)::text ~* :pattern
