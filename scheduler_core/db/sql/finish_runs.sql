-- Records outcomes. A run this node no longer holds is not touched: zero rows for it is the answer.
UPDATE job_runs r
SET status = f.status,
    finished_at = clock_timestamp(),
    duration_ms = greatest(0, least(2147483647, date_part('epoch', clock_timestamp() - r.started_at) * 1000))::integer,
    result_json = f.result_json,
    error_message = f.error_message,
    reason = f.reason,
    suspicious = CASE WHEN f.suspicious = '' THEN '{}' ELSE string_to_array(f.suspicious, E'\n') END,
    progress = NULL
FROM unnest(
    :ids::uuid[], :statuses::text[], :results::text[], :errors::text[], :reasons::text[], :suspicious::text[]
) AS f (id, status, result_json, error_message, reason, suspicious)
-- Only a running run has a node and no end. Its status is not named, because a planner that takes the table
-- for empty would then read the index of active runs once for each row; and CASE keeps it from expecting a
-- single such run, for which it would read the whole table and compare each with each.
WHERE r.id = f.id AND CASE WHEN r.finished_at IS NULL THEN r.node_id = :node ELSE false END
RETURNING r.id,
    -- Asked once. Where no job has failed of late, a success has nothing to forget.
    EXISTS (SELECT FROM scheduled_jobs WHERE failures > 0) AS any_failing
