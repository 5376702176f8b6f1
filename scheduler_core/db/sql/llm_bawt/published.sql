-- What was given to the service, and what stood there: a row for each of its rows that holds a summary of ours.
-- As long as it does, its copy cannot be deleted, because only here is known what to put back.
CREATE TABLE IF NOT EXISTS {copies}.llm_bawt_published (
    service_id bigint PRIMARY KEY,
    profile_id integer NOT NULL REFERENCES {copies}.entity_profiles (id),
    summary_given text NOT NULL,
    summary_before text,
    updated_before timestamptz,
    published_at timestamptz NOT NULL DEFAULT now()
)
