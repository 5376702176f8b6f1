-- What dry runs would change, in the transaction that records that they succeeded.
INSERT INTO run_plans (run_id, plan)
SELECT p.run_id, p.plan::jsonb FROM unnest(:ids::uuid[], :plans::text[]) AS p (run_id, plan)
