-- Whoever adds a waiting run by hand takes its job's row as an edit does, so that a claim leaves this job for its
-- next look. It would otherwise wait for the end of that transaction, with the rows of all the others in its hands.
CREATE OR REPLACE FUNCTION bawt_run_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.trigger = 'manual' AND NEW.status = 'pending' THEN
        PERFORM FROM scheduled_jobs WHERE id = NEW.job_id FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM scheduled_jobs WHERE id = NEW.job_id FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('job %s does not exist', NEW.job_id), TABLE = 'job_runs', COLUMN = 'job_id';
    END IF;
    RETURN NEW;
END $$;
