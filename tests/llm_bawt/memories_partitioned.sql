CREATE TABLE memories (
    bot_id varchar(100) NOT NULL,
    id varchar(36) NOT NULL,
    content text NOT NULL,
    tags jsonb NOT NULL DEFAULT '["misc"]',
    importance real NOT NULL DEFAULT 0.5,
    source_message_ids jsonb,
    access_count integer DEFAULT 0,
    last_accessed timestamp,
    intent text,
    stakes text,
    emotional_charge real,
    recurrence_keywords jsonb,
    meaning_updated_at timestamp,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    embedding vector(384),
    meaning_embedding vector(384),
    PRIMARY KEY (bot_id, id)
) PARTITION BY LIST (bot_id);
CREATE TABLE memories_nova PARTITION OF memories FOR VALUES IN ('nova');
CREATE TABLE memories_rex PARTITION OF memories FOR VALUES IN ('rex');
CREATE INDEX ON memories USING hnsw (embedding vector_cosine_ops);
CREATE INDEX ON memories USING hnsw (meaning_embedding vector_cosine_ops);
