-- Dry runs, the runs that apply them, and the runs that undo.

ALTER TABLE job_runs
    ADD COLUMN mode text NOT NULL DEFAULT 'run',
    -- The dry run that is applied, or the run that is undone; it may have expired since.
    ADD COLUMN source_run_id uuid,
    -- Ordinary runs, which are nearly all, end at the first comparison. A slot is never anything else.
    ADD CONSTRAINT job_runs_mode CHECK (
        mode = 'run' AND source_run_id IS NULL
        OR mode IN ('dry_run', 'apply', 'undo') AND trigger <> 'schedule'
        AND (mode = 'dry_run') = (source_run_id IS NULL)
    );
-- What came of a run: applied or undone by which. Ordinary runs are not in it.
CREATE INDEX job_runs_of_source ON job_runs (source_run_id) WHERE source_run_id IS NOT NULL;

-- What a dry run would change, complete: {"changes": [{"object", "before", "after", "why", …}], …}.
CREATE TABLE run_plans (
    run_id uuid PRIMARY KEY REFERENCES job_runs (id) ON DELETE CASCADE,
    plan jsonb NOT NULL CHECK (jsonb_typeof(plan) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Set by the transaction that applies it, so that no crash makes it happen twice.
    applied_by uuid,
    objects jsonb NOT NULL GENERATED ALWAYS AS (jsonb_path_query_array(plan, '$.changes[*].object')) STORED
);
CREATE INDEX run_plans_objects ON run_plans USING gin (objects);

-- Pinned by a person: no summary may leave it out.
ALTER TABLE entity_profile_attributes ADD COLUMN pinned boolean NOT NULL DEFAULT false;

-- Of each attribute that a version cites, how it read: {"12": md5}.
ALTER TABLE entity_profile_versions ADD COLUMN sources jsonb NOT NULL DEFAULT '{}';
-- The attributes a model was shown when it wrote the draft; NULL where that is not known.
ALTER TABLE entity_profile_drafts ADD COLUMN attribute_ids integer[];

CREATE FUNCTION bawt_attribute_print(a entity_profile_attributes) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(a.category || E'\x1f' || a.key || E'\x1f' || a.value::text)
$$;

CREATE FUNCTION bawt_cited(sentences jsonb) RETURNS SETOF integer LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT id::integer FROM jsonb_path_query(sentences, '$[*].attribute_ids[*]') AS id
$$;

-- The live summary of a profile without its text: which version holds it (NULL: no summary, 0: an empty
-- one, -1: none does, because somebody edited it by hand), and the columns beside it.
CREATE TYPE entity_profile_state AS (
    version integer,
    summary_version integer,
    display_name text,
    summary_updated_at timestamptz,
    summarised_revision bigint,
    summary_model text,
    summary_recipe integer,
    updated_at timestamptz
);
CREATE FUNCTION bawt_profile_state(profile integer) RETURNS entity_profile_state LANGUAGE sql STABLE AS $$
    SELECT (
        coalesce(v.version, 0),
        CASE
            WHEN p.summary IS NULL THEN NULL
            WHEN p.summary = '' THEN 0
            WHEN p.summary = v.summary THEN v.version
            ELSE -1
        END,
        p.display_name, p.summary_updated_at, p.summarised_revision, p.summary_model, p.summary_recipe,
        p.updated_at
    )::entity_profile_state
    FROM entity_profiles p
    LEFT JOIN LATERAL (
        SELECT w.version, w.summary FROM entity_profile_versions w
        WHERE w.profile_id = p.id ORDER BY w.version DESC LIMIT 1
    ) v ON true
    WHERE p.id = profile
$$;

-- What a run did to a profile's row, so that it can be taken back exactly.
CREATE TABLE entity_profile_changes (
    run_id uuid NOT NULL REFERENCES job_runs (id) ON DELETE CASCADE,
    profile_id integer NOT NULL REFERENCES entity_profiles (id) ON DELETE CASCADE,
    before entity_profile_state NOT NULL,
    after entity_profile_state NOT NULL,
    undone_by uuid,
    PRIMARY KEY (run_id, profile_id)
);
CREATE INDEX entity_profile_changes_of_profile ON entity_profile_changes (profile_id);

-- What a person took back is not done again by itself until an attribute changes: the profile counts as
-- summarised at this revision.
CREATE TABLE entity_profile_holds (
    profile_id integer PRIMARY KEY REFERENCES entity_profiles (id) ON DELETE CASCADE,
    revision bigint NOT NULL
);
