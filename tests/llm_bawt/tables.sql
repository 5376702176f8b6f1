-- The tables of a live llm-bawt service. {stamp} is how this SQLModel release writes times of profiles.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TYPE entitytype AS ENUM ('USER', 'BOT');
CREATE TYPE jobstatus AS ENUM ('PENDING', 'RUNNING', 'SUCCESS', 'FAILED', 'SKIPPED');
CREATE TYPE jobtype AS ENUM ({job_types});

CREATE TABLE scheduled_jobs (
    id varchar NOT NULL PRIMARY KEY,
    job_type jobtype NOT NULL,
    bot_id varchar NOT NULL,
    enabled boolean NOT NULL,
    interval_minutes integer NOT NULL,
    last_run_at timestamptz,
    next_run_at timestamptz,
    config_json varchar,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_scheduled_jobs_job_type ON scheduled_jobs (job_type);

CREATE TABLE job_runs (
    id varchar NOT NULL PRIMARY KEY,
    job_id varchar NOT NULL REFERENCES scheduled_jobs (id),
    bot_id varchar NOT NULL,
    status jobstatus NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    duration_ms integer,
    result_json varchar,
    error_message varchar,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_job_runs_job_id ON job_runs (job_id);

CREATE TABLE entity_profiles (
    id serial PRIMARY KEY,
    entity_type entitytype NOT NULL,
    entity_id varchar(100) NOT NULL,
    email varchar,
    display_name varchar(100),
    description varchar(500),
    color varchar,
    avatar varchar,
    avatar_render varchar,
    summary varchar,
    summary_updated_at {stamp},
    created_at {stamp} NOT NULL,
    updated_at {stamp} NOT NULL,
    CONSTRAINT uq_entity UNIQUE (entity_type, entity_id)
);

CREATE TABLE entity_profile_attributes (
    id serial PRIMARY KEY,
    entity_type entitytype NOT NULL,
    entity_id varchar(100) NOT NULL,
    category varchar(50) NOT NULL,
    key varchar(100) NOT NULL,
    value json,
    confidence double precision NOT NULL,
    source varchar(50) NOT NULL,
    source_message_id varchar(100),
    created_at {stamp} NOT NULL,
    updated_at {stamp} NOT NULL
);
CREATE INDEX ix_entity_profile_attributes_entity ON entity_profile_attributes (entity_type, entity_id);
