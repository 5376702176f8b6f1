-- Before the middle of 2026: one table for each bot, and fewer columns.
CREATE TABLE {bot}_memories (
    id varchar(36) PRIMARY KEY,
    content text NOT NULL,
    tags jsonb NOT NULL DEFAULT '["misc"]',
    importance real NOT NULL DEFAULT 0.5,
    source_message_ids jsonb,
    access_count integer DEFAULT 0,
    last_accessed timestamp,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    embedding vector(384)
);
CREATE INDEX ON {bot}_memories USING hnsw (embedding vector_cosine_ops);
