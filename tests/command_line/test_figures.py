"""Numbers of the past and of the hours to come, from the command line."""

import asyncio

import asyncpg

from scheduler_core.db.embedded.server import EmbeddedServer
from tests.command_line.program import Program
from tests.command_line.test_why_and_audit import psql

RUNS = """
INSERT INTO job_runs (job_id, job_type, bot_id, status, trigger, scheduled_for, started_at, finished_at,
    duration_ms)
SELECT j.id, j.job_type, j.bot_id, s.status, 'schedule', s.at, s.at + interval '2 seconds',
    s.at + interval '2 seconds' + s.ms * interval '1 millisecond', s.ms
FROM scheduled_jobs j,
    (VALUES ('success', 1000, now() - interval '3 hours'), ('success', 3000, now() - interval '2 hours'),
        ('failed', 9000, now() - interval '1 hour'), ('success', 500, now() - interval '3 days')
    ) s (status, ms, at)
WHERE j.job_type = 'memory_decay'
"""


def made(program: Program) -> Program:
    """With the default jobs, of which one has a past."""
    assert program.run("--no-ui", "--once").code == 0
    psql(program, "DELETE FROM job_runs")
    psql(program, RUNS)
    return program


def test_stats_count_each_job_and_all_of_them(program: Program) -> None:
    found = made(program).run("stats", "--json").objects
    *jobs, whole = found
    assert {each["job_type"] for each in jobs} >= {"memory_decay", "profile_maintenance"}
    decay = next(each for each in jobs if each["job_type"] == "memory_decay")
    assert (decay["runs"], decay["success"], decay["failed"]) == (4, 3, 1)
    assert decay["success_share"] == 0.75
    assert (decay["p50_ms"], decay["longest_ms"]) == (1000, 9000)
    assert abs(decay["late_p50"] - 2.0) < 0.01
    assert whole["job_id"] is None
    assert whole["runs"] == 4
    quiet = next(each for each in jobs if each["job_type"] == "profile_maintenance")
    assert (quiet["runs"], quiet["success_share"], quiet["p50_ms"]) == (0, None, None)


def test_stats_of_one_job_since_a_while(program: Program) -> None:
    (decay,) = made(program).run("stats", "--job", "memory_decay", "--since", "24h", "--json").objects
    assert decay["runs"] == 3
    said = program.run("stats", "--job", "memory_decay", "--since", "24h").out
    assert "SUCCESS" in said.splitlines()[0]
    assert "66.6 %" in said
    assert "2.0 s" in said


async def transactions(postgres: EmbeddedServer, program: Program) -> int:
    """How many the program's database has seen, once whoever was connected is gone and has been counted."""
    name = str(program.url).rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(postgres.url_of("postgres"))
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'"
    try:
        async with asyncio.timeout(30):
            while await connection.fetchval(busy, name):
                pass
        seen: int = await connection.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1", name
        )
    finally:
        await connection.close()
    return seen


async def test_stats_ask_no_more_often_where_there_are_more_jobs(
    postgres: EmbeddedServer, program: Program
) -> None:
    asked = []
    for jobs in (3, 300):
        psql(
            program,
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes)"
            f" SELECT 'memory_decay', 'bot' || n, 60 FROM generate_series(1, {jobs}) n"
            " ON CONFLICT DO NOTHING",
        )
        before = await transactions(postgres, program)
        listed = await asyncio.to_thread(program.run, "stats", "--json")
        assert len(listed.objects) > jobs
        asked.append(await transactions(postgres, program) - before)
    # The server's own housekeeping may add a few.
    assert min(asked) > 0
    assert max(asked) < 20


def test_stats_refuse_what_they_cannot_read(program: Program) -> None:
    wrong = program.run("stats", "--since", "soon")
    assert wrong.code == 2
    assert "That is no time to look back to." in wrong.err
    nobody = program.run("stats", "--job", "nobody")
    assert nobody.code != 0
    assert "There is no job 'nobody'." in nobody.err


def test_the_forecast_names_what_comes_and_what_waits(program: Program) -> None:
    made(program)
    # The same slot on the one place of the type, with runs of two minutes.
    psql(
        program,
        "UPDATE scheduled_jobs SET next_run_at = now() + interval '30 minutes', interval_minutes = 600"
        " WHERE job_type = 'profile_maintenance';"
        " INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
        " SELECT job_type, 'nova', 600, next_run_at FROM scheduled_jobs"
        " WHERE job_type = 'profile_maintenance'",
    )
    psql(program, RUNS.replace("memory_decay", "profile_maintenance").replace("1000", "120000"))
    psql(program, "UPDATE job_runs SET duration_ms = 120000 WHERE job_type = 'profile_maintenance'")
    (found,) = program.run("forecast", "--json").objects
    lanes = {(each["job_type"], each["bot_id"]): each for each in found["lanes"]}
    lane = lanes["profile_maintenance", "nova"]
    assert len(lane["runs"]) == 3
    assert lane["is_guess"] is False
    (collision,) = found["collisions"]
    assert abs(collision["wait"] - 120) < 1
    assert collision["other"]["job_type"] == "profile_maintenance"
    said = program.run("forecast").out
    assert "% busy" in said.splitlines()[0]
    assert "collides with profile_maintenance" in said
    assert "predicted 2 min late" in said


def test_a_forecast_without_jobs_says_so(program: Program) -> None:
    psql(program, "DELETE FROM scheduled_jobs")
    assert program.run("forecast").out == "Nothing is to come: there are no jobs.\n"
    assert program.run("forecast", "--json").objects[0]["lanes"] == []


def test_a_length_nobody_knows_is_said_to_be_unknown(program: Program) -> None:
    said = program.run("forecast").out
    assert "~ unknown" in said
    assert "0.00 s" not in said


def test_a_forecast_of_paused_jobs_counts_them(program: Program) -> None:
    made(program)
    psql(program, "UPDATE scheduled_jobs SET enabled = false")
    assert program.run("forecast").out.startswith("Nothing is to come: ")
    assert "paused" in program.run("forecast").out
