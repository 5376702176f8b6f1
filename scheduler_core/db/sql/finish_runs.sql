-- Records outcomes. A run this node no longer holds is not touched: that it is missing from `ids` is the
-- answer. Beyond the end of the other lists an id stands for a success that had nothing to tell.
WITH finished AS (
    UPDATE job_runs r
    SET status = coalesce(f.status, 'success'),
        finished_at = clock_timestamp(),
        duration_ms = greatest(
            0, least(2147483647, date_part('epoch', clock_timestamp() - r.started_at) * 1000)
        )::integer,
        result_json = CASE WHEN f.status IS NULL THEN '{}' ELSE f.result_json END,
        error_message = f.error_message,
        reason = f.reason,
        suspicious = CASE WHEN f.suspicious <> '' THEN string_to_array(f.suspicious, E'\n') ELSE '{}' END,
        progress = NULL
    FROM unnest(
        :ids::uuid[], :statuses::text[], :results::text[], :errors::text[], :reasons::text[], :suspicious::text[]
    ) AS f (id, status, result_json, error_message, reason, suspicious)
    -- Only a running run has a node and no end. Its status is not named, because a planner that takes the table
    -- for empty would then read the index of active runs once for each row; and CASE keeps it from expecting a
    -- single such run, for which it would read the whole table and compare each with each.
    WHERE r.id = f.id AND CASE WHEN r.finished_at IS NULL THEN r.node_id = :node ELSE false END
    RETURNING r.id
)
SELECT coalesce(array_agg(id), '{}') AS ids,
    -- Where no job has failed of late, a success has nothing to forget.
    EXISTS (SELECT FROM scheduled_jobs WHERE failures > 0) AS any_failing
FROM finished
