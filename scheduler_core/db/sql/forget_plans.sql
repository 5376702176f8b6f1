UPDATE run_plans p SET plan = n.plan::jsonb
FROM unnest(:ids::uuid[], :plans::text[]) AS n (run_id, plan)
WHERE p.run_id = n.run_id
