-- A run is written twice, when it starts and when it is over, and each time into every index that lists it.
-- Running ones are few and job_runs_active lists them; of those that wait there may be many, so they have a list of
-- their own. Whoever wants all runs by their start reads all three.
DROP INDEX job_runs_newest;
DROP INDEX job_runs_of_job;
CREATE INDEX job_runs_newest ON job_runs (started_at, id) WHERE status IN ('success', 'failed', 'skipped');
CREATE INDEX job_runs_of_job ON job_runs (job_id, started_at, id) WHERE status IN ('success', 'failed', 'skipped');
CREATE INDEX job_runs_waiting ON job_runs (started_at, id) WHERE status = 'pending';

-- The active ones first: a run that ends between the two statements is then among the others.
CREATE OR REPLACE FUNCTION bawt_job_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE job_runs SET job_id = NULL WHERE job_id = OLD.id AND status IN ('pending', 'running');
    UPDATE job_runs SET job_id = NULL WHERE job_id = OLD.id AND status IN ('success', 'failed', 'skipped');
    RETURN NULL;
END $$;
