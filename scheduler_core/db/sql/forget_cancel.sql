-- Asks the runs that may be writing about an entity to stop; of a profile pass only the entity in hand is lost.
UPDATE job_runs
SET cancel_requested_at = now(), cancel_requested_by = :actor
WHERE status = 'running' AND cancel_requested_at IS NULL
    AND (:only::uuid[] IS NULL OR id = ANY (:only::uuid[]))
    AND (job_type = ANY (:job_types::text[]) OR lower(bot_id) = :bot::text)
RETURNING id
