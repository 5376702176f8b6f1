-- Fewer indexes and checks on the two tables that every run writes, so that a run costs less to claim and to
-- finish. What they guarded is guarded where it costs nothing for the rows that scheduling itself writes.

-- The id of a slot's run follows from the slot, so the primary key keeps a slot from becoming two runs. The
-- time in front (milliseconds, as in UUID version 7) lets new rows fall beside each other in the index.
CREATE FUNCTION bawt_slot_run_id(job uuid, claim_seq bigint, bot text, slot timestamptz) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT (
        lpad(to_hex((date_part('epoch', slot) * 1000)::bigint), 12, '0')
        || substr(md5(job || '/' || claim_seq || '/' || bot), 1, 20)
    )::uuid
$$;
DROP INDEX job_runs_slot_once;
-- Few runs are active, and job_runs_active lists them.
DROP INDEX job_runs_of_node;

-- A claim holds the row of the job whose run it writes; only other rows need to be looked up.
ALTER TABLE job_runs DROP CONSTRAINT job_runs_job_id_fkey;
CREATE FUNCTION bawt_run_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM scheduled_jobs WHERE id = NEW.job_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('job %s does not exist', NEW.job_id), TABLE = 'job_runs', COLUMN = 'job_id';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_runs_of_job BEFORE INSERT OR UPDATE OF job_id ON job_runs
    FOR EACH ROW WHEN (NEW.trigger <> 'schedule' AND NEW.job_id IS NOT NULL) EXECUTE FUNCTION bawt_run_of_job();

-- History outlives its job. After the delete, when nobody can add to it any more.
CREATE FUNCTION bawt_job_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE job_runs SET job_id = NULL WHERE job_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_jobs_gone AFTER DELETE ON scheduled_jobs
    FOR EACH ROW EXECUTE FUNCTION bawt_job_gone();

CREATE FUNCTION bawt_jobs_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE feature_not_supported USING
        MESSAGE = 'scheduled_jobs cannot be truncated', HINT = 'Use DELETE, which keeps the history readable.';
END $$;
CREATE TRIGGER scheduled_jobs_emptied BEFORE TRUNCATE ON scheduled_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_jobs_emptied();

-- A CHECK is computed anew at every update of the row; this one only when the word is written.
ALTER TABLE scheduled_jobs DROP CONSTRAINT scheduled_jobs_job_type_check;
CREATE FUNCTION bawt_job_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.job_type !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE check_violation USING
            MESSAGE = format('%L is not a job type', NEW.job_type),
            HINT = 'Lower-case letters, digits and underscores, at most 63.',
            TABLE = 'scheduled_jobs', COLUMN = 'job_type';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scheduled_jobs_named BEFORE INSERT OR UPDATE OF job_type ON scheduled_jobs
    FOR EACH ROW EXECUTE FUNCTION bawt_job_named();
