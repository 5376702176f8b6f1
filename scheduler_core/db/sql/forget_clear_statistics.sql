-- The planner keeps the most common values of each column, and analysing an empty table leaves them.
SELECT pg_clear_attribute_stats(s.schemaname::text, s.tablename::text, s.attname::text, s.inherited)
FROM pg_stats s
WHERE s.schemaname = current_schema() AND s.tablename = ANY (:tables::text[])
