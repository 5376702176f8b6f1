-- Roles with no more rights than their work needs, for a database of your own. Run it as the owner of the
-- tables; run it again after an upgrade that added tables. Then: GRANT bawt_viewer TO ada;
--
--   bawt_viewer    reads jobs, runs, logs, nodes and who did what; nothing that is known of people
--   bawt_operator  also starts, pauses, edits, cancels, applies and undoes
--   bawt_people    reads profiles and memories too; grant it beside one of the others
--
-- Logs and results name people by their ids; what is known of them is in the tables of bawt_people alone.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['bawt_viewer', 'bawt_operator', 'bawt_people'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), wanted);
    END LOOP;
END
$$;

GRANT bawt_viewer TO bawt_operator;
GRANT SELECT ON scheduled_jobs, job_runs, job_run_events, scheduler_nodes, operator_actions, scheduler_seeds,
    webhook_deliveries, llm_bawt_schema_version TO bawt_viewer;
-- That there is a plan and which run took it, but not what it says.
GRANT SELECT (run_id, applied_by) ON run_plans TO bawt_viewer;

GRANT INSERT, UPDATE ON scheduled_jobs, job_runs, scheduler_seeds TO bawt_operator;
GRANT INSERT ON operator_actions TO bawt_operator;

GRANT SELECT ON entity_profiles, entity_profile_attributes, entity_profile_versions, entity_profile_drafts,
    entity_profile_changes, entity_profile_holds, entity_profile_judgements, memories, memory_archive,
    memory_changes, memory_merges, memory_judgements, memory_reprieves, run_plans TO bawt_people;

DO $$
DECLARE
    found text;
BEGIN
    -- Which bots there are is no secret to who runs jobs for them; what is known of them is.
    EXECUTE format(
        'ALTER FUNCTION bawt_bots() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema()
    );
    -- What numbers the rows that an operator adds.
    FOR found IN
        SELECT pg_get_serial_sequence(format('%I', name), 'id')
        FROM unnest(ARRAY['operator_actions', 'job_run_events']) AS name
        WHERE pg_get_serial_sequence(format('%I', name), 'id') IS NOT NULL
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO bawt_operator', found);
    END LOOP;
END
$$;
