-- A service that has run for a month. Times count back from now, so that nothing here grows old.
INSERT INTO scheduled_jobs VALUES
    ('11111111-0000-4000-8000-000000000001', 'PROFILE_MAINTENANCE', '*', true, 60, now() - interval '5 min',
     now() + interval '55 min', '{}', now() - interval '30 d'),
    ('11111111-0000-4000-8000-000000000002', 'MEMORY_CONSOLIDATION', 'nova', true, 1440, now() - interval '3 h',
     now() + interval '21 h', NULL, now() - interval '30 d'),
    ('11111111-0000-4000-8000-000000000003', 'MEMORY_DECAY', 'nova', false, 1440, NULL, NULL, '{}',
     now() - interval '30 d');

-- Left by a crash three days ago; later runs of the job went on.
INSERT INTO job_runs VALUES
    ('22222222-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000001', '*', 'RUNNING',
     now() - interval '3 d', NULL, NULL, NULL, NULL, now() - interval '3 d'),
    ('22222222-0000-4000-8000-000000000002', '11111111-0000-4000-8000-000000000001', '*', 'SUCCESS',
     now() - interval '5 min', now() - interval '4 min', 60000, '{"profiles": 1}', NULL, now() - interval '5 min'),
    -- Merged, it says; nothing of nova was written while it ran.
    ('22222222-0000-4000-8000-000000000003', '11111111-0000-4000-8000-000000000002', 'nova', 'SUCCESS',
     now() - interval '3 h', now() - interval '3 h' + interval '20 s', 20000,
     '{"clusters_merged": 1, "memories_merged": 3, "errors": []}', NULL, now() - interval '3 h'),
    -- Merged, and the merge is there.
    ('22222222-0000-4000-8000-000000000004', '11111111-0000-4000-8000-000000000002', 'nova', 'SUCCESS',
     now() - interval '27 h', now() - interval '27 h' + interval '20 s', 20000,
     '{"clusters_merged": 1, "memories_merged": 2}', NULL, now() - interval '27 h'),
    -- Ran on naive and aware times, and calls it a success.
    ('22222222-0000-4000-8000-000000000005', '11111111-0000-4000-8000-000000000003', 'nova', 'SUCCESS',
     now() - interval '2 d', now() - interval '2 d' + interval '1 s', 1000,
     '{"error": "can''t compare offset-naive and offset-aware datetimes"}', NULL, now() - interval '2 d'),
    ('22222222-0000-4000-8000-000000000006', '11111111-0000-4000-8000-000000000001', '*', 'FAILED',
     now() - interval '6 d', now() - interval '6 d', 12, NULL, 'connection refused', now() - interval '6 d');

INSERT INTO entity_profiles (
    entity_type, entity_id, email, display_name, description, color, summary, summary_updated_at, created_at,
    updated_at
) VALUES
    ('USER', 'ada', 'ada@example.org', 'He', 'keeps bees', '#aabbcc', 'He is a beekeeper.',
     now() - interval '10 d', now() - interval '30 d', now() - interval '10 d'),
    ('USER', 'grace', NULL, 'Grace', NULL, NULL, 'Grace sails.', now() - interval '1 d', now() - interval '20 d',
     now() - interval '1 d'),
    ('BOT', 'nova', NULL, 'Nova', 'the house bot', NULL, NULL, NULL, now() - interval '30 d',
     now() - interval '30 d');

INSERT INTO entity_profile_attributes (
    entity_type, entity_id, category, key, value, confidence, source, source_message_id, created_at, updated_at
) VALUES
    ('USER', 'ada', 'fact', 'location', '"Dresden"', 1, 'explicit', 'm-1', now() - interval '20 d', now() - interval '20 d'),
    ('USER', 'ada', 'fact', 'location', '"Dresden"', 1, 'explicit', 'm-1', now() - interval '20 d', now() - interval '20 d'),
    ('USER', 'ada', 'fact', 'location', '"Leipzig"', 0.9, 'explicit', 'm-2', now() - interval '2 d', now() - interval '2 d'),
    -- The message of a memory that consolidation deleted.
    ('USER', 'ada', 'preference', 'tea', '"green"', 0.8, 'inferred', 'm-lost', now() - interval '20 d', now() - interval '20 d'),
    ('USER', 'grace', 'interest', 'sailing', '{"since": 1999}', 0.7, 'inferred', NULL, now() - interval '20 d', now() - interval '20 d'),
    ('BOT', 'nova', 'personality', 'tone', '"dry"', 1, 'system', NULL, now() - interval '30 d', now() - interval '30 d');
