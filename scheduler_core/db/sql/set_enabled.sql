-- Both ways are guarded: pausing a paused job changes nothing, so two consoles cannot overwrite a reason.
UPDATE scheduled_jobs
SET enabled = :enabled,
    paused_by = CASE WHEN :enabled THEN NULL ELSE :actor::text END,
    paused_reason = CASE WHEN :enabled THEN NULL ELSE :reason::text END
WHERE id = :job AND enabled <> :enabled
RETURNING *
