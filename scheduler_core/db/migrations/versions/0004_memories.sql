-- Embeddings, lineage and what was judged about memories.

ALTER TABLE memories
    ADD COLUMN intent text,
    ADD COLUMN stakes text,
    ADD COLUMN emotional_charge real,
    ADD COLUMN recurrence_keywords jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN meaning_updated_at timestamptz,
    -- A person said that it stays; no job archives or merges it away.
    ADD COLUMN pinned boolean NOT NULL DEFAULT false,
    ADD COLUMN source varchar(50) NOT NULL DEFAULT 'inferred'
        CHECK (source IN ('explicit', 'inferred', 'system'));

-- What a text is compared by when it must not have changed meanwhile. Clients compute the same.
CREATE FUNCTION bawt_text_hash(content text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(convert_to(content, 'UTF8'));

-- The vector of a memory's present text. A table of its own, so that passes over memories stay narrow.
CREATE TABLE memory_embeddings (
    bot_id varchar(100) NOT NULL,
    id varchar(36) NOT NULL,
    -- Vectors of different models are never compared.
    model text NOT NULL,
    -- float32, little-endian, of length 1. Arrays of numbers cost a client five times as much to read.
    embedding bytea NOT NULL CHECK (length(embedding) > 0 AND length(embedding) % 4 = 0),
    PRIMARY KEY (bot_id, id),
    FOREIGN KEY (bot_id, id) REFERENCES memories (bot_id, id) ON DELETE CASCADE
) WITH (toast_tuple_target = 8160);
-- Numbers like these do not compress; trying would only take time.
ALTER TABLE memory_embeddings ALTER COLUMN embedding SET STORAGE EXTERNAL;

-- Memories whose text is new since consolidation last looked at them, whoever wrote it. A row is taken
-- away only with the number that was read, so that a change in between is not lost.
CREATE SEQUENCE memory_change_numbers;
CREATE TABLE memory_changes (
    bot_id varchar(100) NOT NULL,
    id varchar(36) NOT NULL,
    change bigint NOT NULL DEFAULT nextval('memory_change_numbers'),
    PRIMARY KEY (bot_id, id)
);
ALTER SEQUENCE memory_change_numbers OWNED BY memory_changes.change;
INSERT INTO memory_changes (bot_id, id) SELECT bot_id, id FROM memories;

-- What was decided about two memories with these texts, so that it is decided once.
CREATE TABLE memory_judgements (
    bot_id varchar(100) NOT NULL,
    left_id varchar(36) COLLATE "C" NOT NULL,
    right_id varchar(36) COLLATE "C" NOT NULL,
    left_hash bytea NOT NULL,
    right_hash bytea NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('same', 'different', 'unsure')),
    -- A rule's name, a model's checksum, or 'person' for who took a merge back.
    judge text NOT NULL,
    judged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, left_id, right_id),
    CHECK (left_id < right_id),
    FOREIGN KEY (bot_id, left_id) REFERENCES memories (bot_id, id) ON DELETE CASCADE,
    FOREIGN KEY (bot_id, right_id) REFERENCES memories (bot_id, id) ON DELETE CASCADE
);
CREATE INDEX memory_judgements_of_right ON memory_judgements (bot_id, right_id);

ALTER TABLE memory_archive
    -- An id may be archived, written anew by a host and archived again; no copy takes another's place.
    DROP CONSTRAINT memory_archive_pkey,
    ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN embedding bytea,
    ADD COLUMN embedding_model text,
    -- Why: the numbers behind a score, or what a merge rests on; never text of a memory.
    ADD COLUMN numbers jsonb NOT NULL DEFAULT '{}';
-- By the id first: people name it without its bot.
CREATE INDEX memory_archive_of_memory ON memory_archive (id, bot_id);
CREATE INDEX memory_archive_by_age ON memory_archive (archived_at);
CREATE INDEX memory_archive_members ON memory_archive (bot_id, merged_into) WHERE merged_into IS NOT NULL;
UPDATE memory_archive
SET memory = '{"intent": null, "stakes": null, "emotional_charge": null, "recurrence_keywords": [],
    "meaning_updated_at": null, "pinned": false, "source": "inferred"}' || memory;

-- What a merge did to the memory that stayed. Without its text, which no merge changes.
CREATE TABLE memory_merges (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bot_id varchar(100) NOT NULL,
    survivor varchar(36) NOT NULL,
    run_id uuid NOT NULL,
    merged_at timestamptz NOT NULL DEFAULT now(),
    members varchar(36)[] NOT NULL CHECK (cardinality(members) > 0),
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    text_hash bytea NOT NULL
);
CREATE INDEX memory_merges_of_run ON memory_merges (run_id);
CREATE INDEX memory_merges_of_survivor ON memory_merges (survivor, bot_id);
CREATE INDEX memory_merges_by_age ON memory_merges (merged_at);

-- Which attributes of a summary rest on the same message as a memory.
CREATE INDEX entity_profile_attributes_of_message ON entity_profile_attributes (source_message_id)
    WHERE source_message_id IS NOT NULL;

-- Whether a live summary rests on an attribute that came from one of these messages.
CREATE FUNCTION bawt_message_cited(message_ids jsonb) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (
        SELECT FROM jsonb_array_elements_text(
            CASE jsonb_typeof(message_ids) WHEN 'array' THEN message_ids ELSE '[]' END
        ) AS message
        JOIN entity_profile_attributes a ON a.source_message_id = message
        JOIN entity_profiles p ON p.entity_type = a.entity_type AND p.entity_id = a.entity_id
        WHERE p.summary IS NOT NULL AND (
            SELECT v.sentences @> jsonb_build_array(jsonb_build_object('attribute_ids', jsonb_build_array(a.id)))
            FROM entity_profile_versions v WHERE v.profile_id = p.id ORDER BY v.version DESC LIMIT 1
        )
    );

-- Memories that a person brought back; decay lets them be for a while.
CREATE TABLE memory_reprieves (
    bot_id varchar(100) NOT NULL,
    id varchar(36) NOT NULL,
    restored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, id),
    FOREIGN KEY (bot_id, id) REFERENCES memories (bot_id, id) ON DELETE CASCADE
);

CREATE FUNCTION bawt_memories_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO memory_changes (bot_id, id) SELECT bot_id, id FROM new_rows
    ON CONFLICT (bot_id, id) DO UPDATE SET change = excluded.change;
    RETURN NULL;
END $$;
CREATE TRIGGER memories_added AFTER INSERT ON memories
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_memories_added();

-- A memory with another text or another name is another memory to everything that was derived from it. For
-- each row, because its WHEN costs next to nothing for a host that only counts an access.
CREATE FUNCTION bawt_memory_reworded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM memory_embeddings WHERE bot_id = OLD.bot_id AND id = OLD.id;
    DELETE FROM memory_judgements WHERE bot_id = OLD.bot_id AND left_id = OLD.id;
    DELETE FROM memory_judgements WHERE bot_id = OLD.bot_id AND right_id = OLD.id;
    IF (OLD.bot_id, OLD.id) IS DISTINCT FROM (NEW.bot_id, NEW.id) THEN
        DELETE FROM memory_reprieves WHERE bot_id = OLD.bot_id AND id = OLD.id;
        DELETE FROM memory_changes WHERE bot_id = OLD.bot_id AND id = OLD.id;
    END IF;
    INSERT INTO memory_changes (bot_id, id) VALUES (NEW.bot_id, NEW.id)
    ON CONFLICT (bot_id, id) DO UPDATE SET change = excluded.change;
    RETURN NEW;
END $$;
CREATE TRIGGER memories_reworded AFTER UPDATE OF content ON memories
    FOR EACH ROW WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION bawt_memory_reworded();
-- Before, so that no foreign key stands in the way.
CREATE TRIGGER memories_renamed BEFORE UPDATE OF bot_id, id ON memories
    FOR EACH ROW WHEN ((OLD.bot_id, OLD.id) IS DISTINCT FROM (NEW.bot_id, NEW.id))
    EXECUTE FUNCTION bawt_memory_reworded();

CREATE FUNCTION bawt_memories_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM memory_changes c USING old_rows o WHERE c.bot_id = o.bot_id AND c.id = o.id;
    RETURN NULL;
END $$;
CREATE TRIGGER memories_deleted AFTER DELETE ON memories
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION bawt_memories_deleted();

-- Makes nearest-neighbour search possible and returns NULL, or why it is not. Called again later, because
-- the extension may come, or be allowed, after the schema. It is an index beside memory_embeddings: filled
-- for bots that have too many memories to compare them all, and lost without harm.
CREATE FUNCTION bawt_enable_vectors() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF to_regtype('vector') IS NULL THEN
        IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
            RETURN 'the server has no extension named vector';
        END IF;
        BEGIN
            CREATE EXTENSION IF NOT EXISTS vector;
        EXCEPTION WHEN insufficient_privilege THEN
            RETURN 'this database user may not create the extension vector';
        END;
        IF to_regtype('vector') IS NULL THEN
            RETURN 'the extension vector is in a schema outside the search path';
        END IF;
    END IF;
    IF to_regclass('memory_vectors') IS NULL THEN
        EXECUTE 'CREATE TABLE memory_vectors (
            bot_id varchar(100) NOT NULL,
            id varchar(36) NOT NULL,
            model text NOT NULL,
            embedding vector NOT NULL,
            PRIMARY KEY (bot_id, id),
            FOREIGN KEY (bot_id, id) REFERENCES memory_embeddings (bot_id, id) ON DELETE CASCADE
        )';
    END IF;
    RETURN NULL;
END $$;
SELECT bawt_enable_vectors();
