-- What each node takes part in and what it can do, for schedulers that send runs to workers elsewhere.
ALTER TABLE scheduler_nodes
    ADD COLUMN role text NOT NULL DEFAULT 'both' CHECK (role IN ('both', 'scheduler', 'worker')),
    -- How tasks reach it: its own scheduler only, or messages of any scheduler.
    ADD COLUMN queue text NOT NULL DEFAULT 'in-process',
    ADD COLUMN capacity integer NOT NULL DEFAULT 0,
    -- Beside job_types: how many runs of each may run at once on all nodes together; NULL for any number.
    ADD COLUMN job_limits integer[] NOT NULL DEFAULT '{}',
    -- Lower case, as they are compared.
    ADD COLUMN models text[] NOT NULL DEFAULT '{}';

-- A worker that comes, comes back or can do something else makes runs possible that waited for it.
CREATE FUNCTION bawt_worker_able() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('llm_bawt_wake', 'due');
    RETURN NULL;
END $$;
CREATE TRIGGER scheduler_nodes_able AFTER INSERT ON scheduler_nodes
    FOR EACH ROW WHEN (NEW.queue <> 'in-process') EXECUTE FUNCTION bawt_worker_able();
CREATE TRIGGER scheduler_nodes_able_again AFTER UPDATE ON scheduler_nodes
    FOR EACH ROW WHEN (
        NEW.queue <> 'in-process' AND NEW.state = 'active' AND (
            OLD.lease_expires_at <= now() OR OLD.models <> NEW.models OR OLD.job_types <> NEW.job_types
        )
    ) EXECUTE FUNCTION bawt_worker_able();

-- What config_json says of the model, kept beside it so that starting needs not parse it.
ALTER TABLE scheduled_jobs ADD COLUMN needs_model text;
CREATE INDEX scheduled_jobs_of_model ON scheduled_jobs (needs_model) WHERE needs_model IS NOT NULL;
CREATE FUNCTION bawt_job_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.needs_model := lower(nullif(bawt_config(NEW.config_json) ->> 'needs_model', ''));
    RETURN NEW;
END $$;
CREATE TRIGGER scheduled_jobs_model BEFORE INSERT OR UPDATE OF config_json ON scheduled_jobs
    FOR EACH ROW WHEN (NEW.config_json <> '{}') EXECUTE FUNCTION bawt_job_model();
CREATE TRIGGER scheduled_jobs_no_model BEFORE UPDATE OF config_json ON scheduled_jobs
    FOR EACH ROW WHEN (NEW.config_json = '{}') EXECUTE FUNCTION bawt_job_model();

-- Which release of another library made its tables, which lie in a schema of their own.
CREATE TABLE llm_bawt_libraries (
    name text PRIMARY KEY,
    version text NOT NULL,
    upgraded_at timestamptz NOT NULL DEFAULT now()
);
