-- PgQueuer never prunes its log. What happened is in job_runs; this is kept for its own tools only.
DELETE FROM bawt_pgqueuer.pgqueuer_log WHERE id IN (
    SELECT l.id FROM bawt_pgqueuer.pgqueuer_log l
    WHERE l.created < now() - make_interval(hours => :hours)
    ORDER BY l.created LIMIT :batch
)
