-- Forgets deliveries that ended long ago.
DELETE FROM webhook_deliveries WHERE ended_at < now() - make_interval(days => :days::integer)
