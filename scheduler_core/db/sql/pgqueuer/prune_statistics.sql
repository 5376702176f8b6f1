-- One row a second and kind, which PgQueuer never prunes either.
DELETE FROM bawt_pgqueuer.pgqueuer_statistics WHERE id IN (
    SELECT s.id FROM bawt_pgqueuer.pgqueuer_statistics s
    WHERE s.created < now() - make_interval(hours => :hours)
    ORDER BY s.id LIMIT :batch
)
