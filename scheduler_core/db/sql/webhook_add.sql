-- Notes what is to be told of runs; what was noted before is left as it is.
INSERT INTO webhook_deliveries (run_id, event)
SELECT * FROM unnest(:run_ids::uuid[], :events::text[])
ON CONFLICT (run_id, event) DO NOTHING
