-- Runs of one bot and runs that took long, newest first. What is left out is what is many and short: runs for
-- all bots at once, and runs of less than a second. Those cost nothing here, and are found by reading along.
CREATE INDEX job_runs_of_bot ON job_runs (bot_id, started_at, id) WHERE bot_id <> '*';
CREATE INDEX job_runs_long ON job_runs (started_at, id) WHERE duration_ms >= 1000;
