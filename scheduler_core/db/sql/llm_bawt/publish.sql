-- Gives summaries to the service and keeps what stood there; one row for each copied profile, without text.
WITH known AS MATERIALIZED ({publishable}),
given AS (
    UPDATE entity_profiles p
    SET summary = k.summary_given, summary_updated_at = k.updated_given
    FROM known k
    WHERE k.is_wanted AND p.id = k.service_id
        -- If the service is writing this row, this waits for it and then compares again.
        AND p.summary IS NOT DISTINCT FROM k.summary_before
        AND p.summary_updated_at::timestamptz IS NOT DISTINCT FROM k.updated_before
    RETURNING p.id
),
kept AS (
    INSERT INTO {copies}.llm_bawt_published AS b (
        service_id, profile_id, summary_given, summary_before, updated_before
    )
    SELECT k.service_id, k.profile_id, k.summary_given, k.summary_before, k.updated_before
    FROM known k JOIN given g ON g.id = k.service_id
    ON CONFLICT (service_id) DO UPDATE
    SET profile_id = excluded.profile_id, summary_given = excluded.summary_given, published_at = now(),
        -- What this replaces is an earlier one of ours, or what the service wrote since.
        summary_before = CASE WHEN b.summary_given = excluded.summary_before THEN b.summary_before
            ELSE excluded.summary_before END,
        updated_before = CASE WHEN b.summary_given = excluded.summary_before THEN b.updated_before
            ELSE excluded.updated_before END
)
SELECT k.entity_type, k.entity_id, k.service_id, k.is_written, k.is_wanted, k.is_behind, k.length_before,
    k.length_given, g.id IS NOT NULL AS is_done
FROM known k LEFT JOIN given g ON g.id = k.service_id
ORDER BY k.entity_type DESC, k.entity_id, k.service_id
