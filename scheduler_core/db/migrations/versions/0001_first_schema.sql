-- Jobs, runs and what the console needs to see them live.
-- Rules that must hold whoever writes (a node, a console, psql by hand) live here, not in Python.

CREATE TABLE scheduled_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_type text NOT NULL CHECK (job_type ~ '^[a-z][a-z0-9_]{0,62}$'),
    bot_id text NOT NULL DEFAULT '*' CHECK (length(bot_id) BETWEEN 1 AND 100),
    enabled boolean NOT NULL DEFAULT true,
    -- A cron expression, if there is one, takes the place of the interval.
    interval_minutes integer NOT NULL DEFAULT 60 CHECK (interval_minutes BETWEEN 1 AND 5256000),
    last_run_at timestamptz,
    -- Bounded, because infinity and the years before 1 have no counterpart in most clients.
    next_run_at timestamptz NOT NULL DEFAULT now()
        CHECK (next_run_at BETWEEN '1969-12-31 00:00+00' AND '2999-12-31 00:00+00'),
    config_json text NOT NULL DEFAULT '{}',
    claim_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    paused_by text,
    paused_reason text,
    paused_at timestamptz,
    cron text CHECK (cron ~ '^\S+( +\S+){4}$'),
    time_zone text NOT NULL DEFAULT 'UTC',
    -- The next slot of a cron job is computed by a node; until then the job is not due.
    needs_slot boolean NOT NULL DEFAULT false,
    -- What config_json says of these two, kept beside it so that claiming needs not parse it.
    overlap text NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue')),
    catch_up text NOT NULL DEFAULT 'coalesce' CHECK (catch_up IN ('coalesce', 'skip')),
    -- Failures in a row; from the third on, slots are skipped for a while.
    failures integer NOT NULL DEFAULT 0,
    backoff_until timestamptz
) WITH (fillfactor = 80);

CREATE INDEX scheduled_jobs_due ON scheduled_jobs (next_run_at) WHERE enabled AND NOT needs_slot;
-- The rest of them, for lists.
CREATE INDEX scheduled_jobs_idle ON scheduled_jobs (next_run_at) WHERE NOT enabled OR needs_slot;
CREATE INDEX scheduled_jobs_cron ON scheduled_jobs (next_run_at) WHERE enabled AND cron IS NOT NULL;
CREATE INDEX scheduled_jobs_failing ON scheduled_jobs (id) WHERE failures > 0;
CREATE INDEX scheduled_jobs_unplaced ON scheduled_jobs (id) WHERE needs_slot;

CREATE TABLE job_runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid REFERENCES scheduled_jobs (id) ON DELETE SET NULL,
    bot_id text NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'success', 'failed', 'skipped')),
    started_at timestamptz,
    finished_at timestamptz,
    duration_ms integer CHECK (duration_ms >= 0),
    result_json text,
    error_message text,
    -- Copied from the job, so that history reads well after the job is gone.
    job_type text NOT NULL,
    trigger text NOT NULL DEFAULT 'manual' CHECK (trigger IN ('schedule', 'manual', 'retry')),
    scheduled_for timestamptz NOT NULL DEFAULT now(),
    claim_seq bigint,
    coalesced integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    first_run_id uuid,
    node_id uuid,
    slot integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    available_at timestamptz NOT NULL DEFAULT now(),
    reason text,
    progress text,
    suspicious text[] NOT NULL DEFAULT '{}',
    cancel_requested_at timestamptz,
    cancel_requested_by text,
    CHECK (status <> 'running' OR (node_id IS NOT NULL AND started_at IS NOT NULL)),
    CHECK (status <> 'skipped' OR reason IS NOT NULL),
    CHECK ((status IN ('success', 'failed', 'skipped')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 80);

-- A slot becomes a run once, whoever claims it.
CREATE UNIQUE INDEX job_runs_slot_once ON job_runs (job_id, bot_id, claim_seq) WHERE claim_seq IS NOT NULL;
-- One running and at most one waiting run for each job and bot.
CREATE UNIQUE INDEX job_runs_active ON job_runs (job_id, bot_id, status) WHERE status IN ('pending', 'running');
CREATE INDEX job_runs_pending ON job_runs (job_type, available_at) WHERE status = 'pending';
CREATE INDEX job_runs_of_node ON job_runs (node_id) WHERE status = 'running';
-- Concurrency limits are numbered slots: two nodes cannot hold the same one.
CREATE UNIQUE INDEX job_runs_concurrency ON job_runs (job_type, slot) WHERE status = 'running' AND slot IS NOT NULL;
CREATE INDEX job_runs_newest ON job_runs (started_at, id);
-- What people look for among very many that went well.
CREATE INDEX job_runs_failed ON job_runs (started_at, id) WHERE status = 'failed';
CREATE INDEX job_runs_skipped ON job_runs (started_at, id) WHERE status = 'skipped';
CREATE INDEX job_runs_unscheduled ON job_runs (started_at, id) WHERE trigger <> 'schedule';
CREATE INDEX job_runs_of_job ON job_runs (job_id, started_at, id);
CREATE INDEX job_runs_attempts ON job_runs (first_run_id) WHERE first_run_id IS NOT NULL;

CREATE TABLE job_run_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    level text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    message text NOT NULL
);
CREATE INDEX job_run_events_of_run ON job_run_events (run_id, id);

CREATE TABLE scheduler_nodes (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'draining', 'stopped')),
    version text NOT NULL,
    job_types text[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz NOT NULL,
    running integer NOT NULL DEFAULT 0,
    model text
);

-- Which default jobs this database was given, and with which interval: a deleted default stays deleted,
-- and a changed setting moves only jobs that nobody edited.
CREATE TABLE scheduler_seeds (
    name text PRIMARY KEY,
    interval_minutes integer NOT NULL,
    seeded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE operator_actions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    object_type text NOT NULL,
    object_id text NOT NULL,
    reason text,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX operator_actions_of_object ON operator_actions (object_type, object_id, id);

CREATE TABLE entity_profiles (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    entity_type text NOT NULL CHECK (entity_type IN ('user', 'bot')),
    entity_id varchar(100) NOT NULL CHECK (entity_id <> '' AND entity_id = lower(entity_id)),
    email text,
    display_name varchar(100),
    description varchar(500),
    summary text,
    summary_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Counts changes of the entity's attributes; kept by trigger, so a change by hand counts too.
    revision bigint NOT NULL DEFAULT 0,
    summarised_revision bigint,
    -- Checksum of the model that wrote the summary; '' when it was made without one.
    summary_model text,
    summary_recipe integer,
    UNIQUE (entity_type, entity_id)
);
CREATE INDEX entity_profiles_changed ON entity_profiles (entity_type, entity_id)
    WHERE summarised_revision IS DISTINCT FROM revision;

CREATE TABLE entity_profile_attributes (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    entity_type text NOT NULL CHECK (entity_type IN ('user', 'bot')),
    entity_id varchar(100) NOT NULL CHECK (entity_id <> '' AND entity_id = lower(entity_id)),
    category varchar(50) NOT NULL,
    key varchar(100) NOT NULL,
    value json NOT NULL,
    confidence double precision NOT NULL DEFAULT 1 CHECK (confidence BETWEEN 0 AND 1),
    source varchar(50) NOT NULL DEFAULT 'explicit',
    source_message_id varchar(100),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX entity_profile_attributes_of_entity ON entity_profile_attributes (entity_type, entity_id, id);

CREATE TABLE entity_profile_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile_id integer NOT NULL REFERENCES entity_profiles (id) ON DELETE CASCADE,
    version integer NOT NULL CHECK (version >= 1),
    run_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    summary text NOT NULL,
    -- [{"text": …, "category": …, "attribute_ids": [1, 2]}]
    sentences jsonb NOT NULL,
    revision bigint NOT NULL,
    model text,
    details jsonb NOT NULL DEFAULT '{}',
    UNIQUE (profile_id, version)
);
CREATE INDEX entity_profile_versions_of_run ON entity_profile_versions (run_id) WHERE run_id IS NOT NULL;

-- What a model wrote and the verifier refused, kept for reading.
CREATE TABLE entity_profile_drafts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile_id integer NOT NULL REFERENCES entity_profiles (id) ON DELETE CASCADE,
    run_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    category text NOT NULL,
    draft text NOT NULL,
    failures jsonb NOT NULL
);
CREATE INDEX entity_profile_drafts_of_profile ON entity_profile_drafts (profile_id, id);

CREATE TABLE memories (
    bot_id varchar(100) NOT NULL,
    id varchar(36) NOT NULL DEFAULT gen_random_uuid()::text,
    content text NOT NULL,
    tags jsonb NOT NULL DEFAULT '["misc"]',
    importance real NOT NULL DEFAULT 0.5 CHECK (importance BETWEEN 0 AND 1),
    source_message_ids jsonb NOT NULL DEFAULT '[]',
    access_count integer NOT NULL DEFAULT 0 CHECK (access_count >= 0),
    last_accessed timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, id)
);

-- Where a memory goes when a job takes it out of use; restorable as it was.
CREATE TABLE memory_archive (
    bot_id varchar(100) NOT NULL,
    id varchar(36) NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    run_id uuid,
    cause text NOT NULL CHECK (cause IN ('decayed', 'merged')),
    merged_into varchar(36),
    score double precision,
    memory jsonb NOT NULL,
    PRIMARY KEY (bot_id, id)
);
CREATE INDEX memory_archive_of_run ON memory_archive (run_id) WHERE run_id IS NOT NULL;


-- Reads config_json; NULL where it is not a JSON object, which is for the run to complain about.
CREATE FUNCTION bawt_config(config text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE jsonb_typeof(config::jsonb) WHEN 'object' THEN config::jsonb END;
EXCEPTION WHEN others THEN
    RETURN NULL;
END $$;

-- What follows from how a job is defined, whoever defines it.
CREATE FUNCTION bawt_job_defined() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    config jsonb := bawt_config(NEW.config_json);
    spread bigint;
BEGIN
    NEW.overlap := CASE WHEN config ->> 'overlap' = 'queue' THEN 'queue' ELSE 'skip' END;
    NEW.catch_up := CASE WHEN config ->> 'catch_up' = 'skip' THEN 'skip' ELSE 'coalesce' END;
    -- Refuses a time zone that does not exist.
    PERFORM now() AT TIME ZONE NEW.time_zone;
    IF TG_OP = 'INSERT' THEN
        NEW.needs_slot := NEW.cron IS NOT NULL AND NEW.next_run_at = now();
        IF NEW.cron IS NULL AND config ->> 'jitter_seconds' ~ '^[0-9]{1,6}$' THEN
            -- Jobs inserted together spread out, each always by the same amount.
            spread := (config ->> 'jitter_seconds')::bigint;
            IF spread > 0 THEN
                NEW.next_run_at := NEW.next_run_at + make_interval(
                    secs => (('x' || left(md5(NEW.id::text), 8))::bit(32)::bigint % (spread * 1000)) / 1000.0
                );
            END IF;
        END IF;
    ELSIF NEW.next_run_at = OLD.next_run_at THEN
        IF (NEW.cron, NEW.time_zone) IS DISTINCT FROM (OLD.cron, OLD.time_zone) THEN
            NEW.needs_slot := NEW.cron IS NOT NULL;
            IF NEW.cron IS NULL THEN
                NEW.next_run_at := now() + make_interval(mins => NEW.interval_minutes);
            END IF;
        ELSIF NEW.cron IS NULL AND NEW.interval_minutes < OLD.interval_minutes THEN
            -- A shorter interval counts from now, not from the end of the longer one.
            NEW.next_run_at := least(NEW.next_run_at, now() + make_interval(mins => NEW.interval_minutes));
        END IF;
    ELSE
        NEW.needs_slot := false;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scheduled_jobs_defined
    BEFORE INSERT OR UPDATE OF cron, time_zone, interval_minutes, config_json ON scheduled_jobs
    FOR EACH ROW EXECUTE FUNCTION bawt_job_defined();

-- Only a person moves a slot forward; that also ends waiting for better times.
CREATE FUNCTION bawt_job_forced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.backoff_until := NULL;
    NEW.needs_slot := false;
    RETURN NEW;
END $$;
CREATE TRIGGER scheduled_jobs_forced BEFORE UPDATE OF next_run_at ON scheduled_jobs
    FOR EACH ROW WHEN (NEW.next_run_at < OLD.next_run_at) EXECUTE FUNCTION bawt_job_forced();

-- Who paused a job, also when psql did it.
CREATE FUNCTION bawt_job_paused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.enabled THEN
        NEW.paused_by := NULL;
        NEW.paused_reason := NULL;
        NEW.paused_at := NULL;
    ELSE
        NEW.paused_by := coalesce(NEW.paused_by, session_user::text);
        NEW.paused_at := coalesce(NEW.paused_at, now());
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scheduled_jobs_paused BEFORE UPDATE ON scheduled_jobs
    FOR EACH ROW WHEN (OLD.enabled IS DISTINCT FROM NEW.enabled) EXECUTE FUNCTION bawt_job_paused();

-- A pause takes effect at once: what waits for its slot does not start. A run that a person asked for does.
CREATE FUNCTION bawt_job_pause_waiting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE job_runs
    -- The statement's time: a long psql transaction began before the slot it skips.
    SET status = 'skipped', started_at = statement_timestamp(), finished_at = statement_timestamp(),
        duration_ms = 0, reason = 'paused by ' || NEW.paused_by
    WHERE job_id = NEW.id AND status = 'pending' AND trigger <> 'manual';
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_jobs_pause_waiting AFTER UPDATE ON scheduled_jobs
    FOR EACH ROW WHEN (OLD.enabled AND NOT NEW.enabled) EXECUTE FUNCTION bawt_job_pause_waiting();

-- A deleted job takes its waiting runs along and stops the running one; its history stays.
CREATE FUNCTION bawt_job_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE job_runs
    SET status = 'skipped', started_at = statement_timestamp(), finished_at = statement_timestamp(),
        duration_ms = 0, reason = 'job deleted'
    WHERE job_id = OLD.id AND status = 'pending';
    UPDATE job_runs
    SET cancel_requested_at = now(), cancel_requested_by = session_user
    WHERE job_id = OLD.id AND status = 'running' AND cancel_requested_at IS NULL;
    RETURN OLD;
END $$;
CREATE TRIGGER scheduled_jobs_deleted BEFORE DELETE ON scheduled_jobs
    FOR EACH ROW EXECUTE FUNCTION bawt_job_deleted();

-- NOTIFY is the hint, polling the truth. 'llm_bawt_wake' wakes schedulers and is sent only when there is
-- something to do sooner than they know; 'llm_bawt_change' tells screens which kind of row changed.
CREATE FUNCTION bawt_jobs_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows WHERE enabled) THEN
        PERFORM pg_notify('llm_bawt_wake', 'due');
    END IF;
    IF EXISTS (SELECT FROM new_rows) THEN
        PERFORM pg_notify('llm_bawt_change', 'jobs');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_jobs_inserted AFTER INSERT ON scheduled_jobs
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_jobs_inserted();

CREATE FUNCTION bawt_jobs_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows) THEN
        PERFORM pg_notify('llm_bawt_change', 'jobs');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_jobs_updated AFTER UPDATE ON scheduled_jobs
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_jobs_updated();

-- A row trigger, because its WHEN costs next to nothing for the rows that scheduling itself moves on.
CREATE FUNCTION bawt_job_sooner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('llm_bawt_wake', 'due');
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_jobs_sooner AFTER UPDATE ON scheduled_jobs
    FOR EACH ROW WHEN (
        NEW.enabled
        AND (NOT OLD.enabled OR NEW.next_run_at < OLD.next_run_at OR (NEW.needs_slot AND NOT OLD.needs_slot))
    ) EXECUTE FUNCTION bawt_job_sooner();

CREATE FUNCTION bawt_runs_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows WHERE status = 'pending') THEN
        PERFORM pg_notify('llm_bawt_wake', 'due');
    END IF;
    IF EXISTS (SELECT FROM new_rows) THEN
        PERFORM pg_notify('llm_bawt_change', 'runs');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER job_runs_inserted AFTER INSERT ON job_runs
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_runs_inserted();

CREATE FUNCTION bawt_runs_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows WHERE status = 'running' AND cancel_requested_at IS NOT NULL) THEN
        PERFORM pg_notify('llm_bawt_wake', 'cancel');
    END IF;
    -- A finished run of a limited type frees its concurrency slot for any node; a waiting run that was
    -- touched need not wait any longer.
    IF EXISTS (SELECT FROM new_rows WHERE status = 'pending')
        OR EXISTS (SELECT FROM new_rows WHERE slot IS NOT NULL AND finished_at IS NOT NULL)
        AND EXISTS (SELECT FROM job_runs WHERE status = 'pending')
    THEN
        PERFORM pg_notify('llm_bawt_wake', 'due');
    END IF;
    IF EXISTS (SELECT FROM new_rows) THEN
        PERFORM pg_notify('llm_bawt_change', 'runs');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER job_runs_updated AFTER UPDATE ON job_runs
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_runs_updated();

CREATE FUNCTION bawt_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('llm_bawt_change', TG_ARGV[0]);
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_jobs_deleted_notice AFTER DELETE ON scheduled_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_changed('jobs');
CREATE TRIGGER job_runs_deleted_notice AFTER DELETE ON job_runs
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_changed('runs');
CREATE TRIGGER job_run_events_notice AFTER INSERT ON job_run_events
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_changed('events');
-- Heartbeats are the steady state and tell nobody anything.
CREATE TRIGGER scheduler_nodes_notice AFTER UPDATE ON scheduler_nodes
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.model IS DISTINCT FROM NEW.model)
    EXECUTE FUNCTION bawt_changed('nodes');
-- For each row, because a heartbeat is an INSERT that finds the row there, and a statement trigger fires for it.
CREATE TRIGGER scheduler_nodes_joined AFTER INSERT OR DELETE ON scheduler_nodes
    FOR EACH ROW EXECUTE FUNCTION bawt_changed('nodes');

-- Attributes belong to an entity whether or not its profile row exists yet. Rows are taken in one order,
-- so that two imports of overlapping people cannot deadlock.
CREATE FUNCTION bawt_attributes_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entity_profiles (entity_type, entity_id, revision)
    SELECT DISTINCT entity_type, entity_id, 1 FROM new_rows ORDER BY entity_type, entity_id
    ON CONFLICT (entity_type, entity_id)
    DO UPDATE SET revision = entity_profiles.revision + 1, updated_at = now();
    RETURN NULL;
END $$;
CREATE TRIGGER entity_profile_attributes_added AFTER INSERT ON entity_profile_attributes
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_attributes_added();

CREATE FUNCTION bawt_attributes_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entity_profiles (entity_type, entity_id, revision)
    SELECT entity_type, entity_id, 1
    FROM (SELECT entity_type, entity_id FROM new_rows UNION SELECT entity_type, entity_id FROM old_rows) touched
    ORDER BY entity_type, entity_id
    ON CONFLICT (entity_type, entity_id)
    DO UPDATE SET revision = entity_profiles.revision + 1, updated_at = now();
    RETURN NULL;
END $$;
CREATE TRIGGER entity_profile_attributes_updated AFTER UPDATE ON entity_profile_attributes
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_attributes_updated();

-- Deleting never brings back a profile row: whoever removes a person removes it whole.
CREATE FUNCTION bawt_attributes_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entity_profiles p SET revision = p.revision + 1, updated_at = now()
    WHERE p.id IN (
        SELECT q.id FROM entity_profiles q
        WHERE (q.entity_type, q.entity_id) IN (SELECT entity_type, entity_id FROM old_rows)
        ORDER BY q.entity_type, q.entity_id FOR UPDATE
    );
    RETURN NULL;
END $$;
CREATE TRIGGER entity_profile_attributes_deleted AFTER DELETE ON entity_profile_attributes
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_attributes_deleted();

CREATE TRIGGER entity_profiles_notice AFTER INSERT OR DELETE ON entity_profiles
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_changed('profiles');
CREATE TRIGGER entity_profiles_updated_notice AFTER UPDATE ON entity_profiles
    FOR EACH STATEMENT EXECUTE FUNCTION bawt_changed('profiles');

-- The bots this database knows. Reads one index entry a bot, not one a memory.
CREATE FUNCTION bawt_bots() RETURNS TABLE (bot_id text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE step AS (
        (SELECT m.bot_id FROM memories m ORDER BY m.bot_id LIMIT 1)
        UNION ALL
        SELECT (SELECT m.bot_id FROM memories m WHERE m.bot_id > step.bot_id ORDER BY m.bot_id LIMIT 1)
        FROM step WHERE step.bot_id IS NOT NULL
    )
    SELECT step.bot_id::text FROM step WHERE step.bot_id IS NOT NULL
    UNION
    SELECT p.entity_id::text FROM entity_profiles p WHERE p.entity_type = 'bot'
$$;
