-- The time of the change itself: the transaction, and even the statement, may have waited for a claim that was
-- holding the job, and so have begun before the slot that is skipped.
CREATE OR REPLACE FUNCTION bawt_job_pause_waiting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    skipped_at timestamptz := clock_timestamp();
BEGIN
    UPDATE job_runs
    SET status = 'skipped', started_at = skipped_at, finished_at = skipped_at,
        duration_ms = 0, reason = 'paused by ' || NEW.paused_by
    WHERE job_id = NEW.id AND status = 'pending' AND trigger <> 'manual';
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION bawt_job_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    skipped_at timestamptz := clock_timestamp();
BEGIN
    UPDATE job_runs
    SET status = 'skipped', started_at = skipped_at, finished_at = skipped_at,
        duration_ms = 0, reason = 'job deleted'
    WHERE job_id = OLD.id AND status = 'pending';
    UPDATE job_runs
    SET cancel_requested_at = now(), cancel_requested_by = session_user
    WHERE job_id = OLD.id AND status = 'running' AND cancel_requested_at IS NULL;
    RETURN OLD;
END $$;
