-- Deletes old finished runs in small bites; attempts and events go with them.
WITH old AS MATERIALIZED (
    SELECT id FROM job_runs
    WHERE started_at < now() - make_interval(days => :days) AND status IN ('success', 'failed', 'skipped')
    ORDER BY started_at LIMIT :batch
    FOR UPDATE SKIP LOCKED
)
DELETE FROM job_runs r USING old WHERE r.id = old.id
