-- Gives cron jobs their next slot, and pauses those whose expression cannot be read.
UPDATE scheduled_jobs j
SET next_run_at = coalesce(p.next_at, j.next_run_at),
    needs_slot = false,
    enabled = p.trouble IS NULL AND j.enabled,
    paused_by = CASE WHEN p.trouble IS NULL THEN j.paused_by ELSE 'scheduler' END,
    paused_reason = CASE WHEN p.trouble IS NULL THEN j.paused_reason ELSE p.trouble END
FROM unnest(:ids::uuid[], :slots::timestamptz[], :troubles::text[]) AS p (id, next_at, trouble)
WHERE j.id = p.id
