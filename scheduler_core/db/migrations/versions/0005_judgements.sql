-- What a model decided about ambiguous attributes, so that it is asked once.
--
-- Lines are known by the SHA-256 of what a decision rests on, never by their text. Noise names one line twice.
CREATE TABLE entity_profile_judgements (
    profile_id integer NOT NULL REFERENCES entity_profiles (id) ON DELETE CASCADE,
    model text NOT NULL,
    recipe integer NOT NULL,
    winner bytea NOT NULL CHECK (length(winner) = 32),
    loser bytea NOT NULL CHECK (length(loser) = 32),
    decision text NOT NULL CHECK (decision IN ('same', 'newer', 'noise', 'keep')),
    judged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile_id, model, recipe, winner, loser)
);
