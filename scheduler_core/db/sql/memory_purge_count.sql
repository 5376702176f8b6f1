-- How many copies are old enough to be deleted.
SELECT count(*) FROM memory_archive WHERE archived_at < now() - make_interval(days => :days)
