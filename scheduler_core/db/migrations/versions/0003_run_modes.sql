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

CREATE FUNCTION bawt_cited_ids(sentences jsonb) RETURNS SETOF integer LANGUAGE sql IMMUTABLE AS $$
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

-- Deleted attributes whose words may still stand in versions, drafts and plans; emptied by the next
-- maintenance of the profile.
CREATE TABLE entity_profile_scrubs (
    profile_id integer NOT NULL REFERENCES entity_profiles (id) ON DELETE CASCADE,
    attribute_id integer NOT NULL,
    PRIMARY KEY (profile_id, attribute_id)
);

CREATE OR REPLACE FUNCTION bawt_attributes_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entity_profiles p SET revision = p.revision + 1, updated_at = now()
    WHERE p.id IN (
        SELECT q.id FROM entity_profiles q
        WHERE (q.entity_type, q.entity_id) IN (SELECT entity_type, entity_id FROM old_rows)
        ORDER BY q.entity_type, q.entity_id FOR UPDATE
    );
    INSERT INTO entity_profile_scrubs (profile_id, attribute_id)
    SELECT p.id, o.id FROM old_rows o JOIN entity_profiles p USING (entity_type, entity_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- Whether a sentence rests on one of these attributes.
CREATE FUNCTION bawt_cites(sentence jsonb, ids integer[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_path_query(sentence, '$.attribute_ids[*]') AS id WHERE id::integer = ANY (ids)
    )
$$;

-- The same sentences; of those that rest on one of these attributes only the sources are left.
CREATE FUNCTION bawt_redacted(sentences jsonb, ids integer[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        jsonb_agg(CASE WHEN bawt_cites(s, ids) THEN s || '{"text": "[deleted]"}' ELSE s END ORDER BY place),
        '[]'
    )
    FROM jsonb_path_query(sentences, '$[*]') WITH ORDINALITY AS t (s, place)
$$;

-- The text of a summary: a line for each category, in the order in which they first appear.
CREATE FUNCTION bawt_summary(sentences jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg(line, E'\n' ORDER BY place), '')
    FROM (
        SELECT string_agg(s ->> 'text', ' ' ORDER BY place) AS line, min(place) AS place
        FROM jsonb_path_query(sentences, '$[*]') WITH ORDINALITY AS t (s, place)
        GROUP BY s ->> 'category'
    ) lines
$$;

-- The same plan; of the change of this object only the sentences that may stay are left.
CREATE FUNCTION bawt_redacted_plan(plan jsonb, object text, ids integer[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT plan || jsonb_build_object('changes', jsonb_agg(
        CASE WHEN c ->> 'object' = object THEN jsonb_build_object(
            'object', object,
            'before', bawt_redacted(c -> 'before', ids),
            'after', bawt_redacted(c -> 'after', ids),
            'why', 'an attribute it rests on was deleted',
            'redacted', true
        ) ELSE c END ORDER BY place
    ))
    FROM jsonb_path_query(plan, '$.changes[*]') WITH ORDINALITY AS t (c, place)
$$;
