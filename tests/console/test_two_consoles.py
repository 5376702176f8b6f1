"""Two consoles on one real database act on the same objects: one gets its way, the other is told."""

from datetime import UTC
from pathlib import Path

import asyncpg

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ConfirmScreen, ReasonScreen
from bawt_console.screens.jobs import JobsScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.schedule import ScheduleScreen
from bawt_console.source import ATTACHED, open_source
from bawt_console.views import Views
from scheduler_core.db.connect import Address
from tests.console.pilots import MEDIUM, jobs_of, opened, picture, runs_of, toasts, until
from tests.console.test_live import add_history, add_job


def console(database_url: str, actor: str) -> ConsoleApp:
    address = Address.parse(database_url)
    return ConsoleApp(
        lambda: open_source(address, actor=actor, mode=ATTACHED),
        zone=UTC,
        views=Views(Path("/nowhere/views.json")),
    )


async def test_an_edit_that_comes_second_is_refused_and_says_so(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "memory_decay", "nova")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ScheduleScreen), "the editor")
        await psql.execute("UPDATE scheduled_jobs SET interval_minutes = 45")
        await pilot.press("tab", *"0 4 * * *", "enter")
        await until(pilot, lambda: "settings were changed meanwhile" in picture(app), "the refusal")
        await pilot.press("escape")
        await until(pilot, lambda: "45 min" in picture(app), "what the other one did")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ScheduleScreen), "the editor")
        await pilot.press("tab", *"0 4 * * *", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
    row = await psql.fetchrow("SELECT cron, needs_slot FROM scheduled_jobs WHERE id = $1", job)
    assert row is not None
    assert tuple(row) == ("0 4 * * *", True)
    details = await psql.fetchval("SELECT details -> 'before' ->> 'cron' FROM operator_actions")
    assert details is None
    assert await psql.fetchval("SELECT count(*) FROM operator_actions WHERE action = 'edit'") == 1


async def test_the_question_counts_at_the_server_and_the_deed_counts_again(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for number in range(6):
        await add_job(psql, "memory_decay", f"bot{number}")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: len(jobs_of(app).table.rows) == 6, "the jobs")
        await pilot.press("asterisk", "p")
        await until(pilot, lambda: isinstance(app.screen, ReasonScreen), "the question")
        assert "Pause 6 jobs?" in picture(app)
        # Another console is faster with two of them.
        await psql.execute(
            "UPDATE scheduled_jobs SET enabled = false, paused_by = 'ben' WHERE bot_id < 'bot2'"
        )
        await pilot.press(*"night", "enter")
        told = ["Paused 4 jobs; left out 2 that it does not fit now."]
        await until(pilot, lambda: toasts(app) == told, "the number")
    by = await psql.fetch("SELECT paused_by, count(*) FROM scheduled_jobs GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in by] == [("ada", 4), ("ben", 2)]
    assert await psql.fetchval("SELECT count(*) FROM operator_actions") == 4


async def test_a_dry_run_and_a_retry_are_stored_as_such(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    await add_history(psql, job, 10)
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the dry run")
        await until(pilot, lambda: "What it changes is known when it is over." in picture(app), "the note")
        assert await psql.fetchval("SELECT mode FROM job_runs WHERE status = 'pending'") == "dry_run"
        await pilot.press("X", "y")
        await until(pilot, lambda: "The dry run left no plan" in picture(app), "the reason")
        await pilot.press("escape", "2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        failed = await psql.fetchval("SELECT id FROM job_runs WHERE status = 'failed' AND mode = 'run'")
        assert runs_of(app).table.find(failed)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "Added attempt 2 of" in str(toasts(app)), "the notice")
    row = await psql.fetchrow("SELECT attempt, first_run_id FROM job_runs WHERE status = 'pending'")
    assert row is not None
    assert tuple(row) == (2, failed)
    actions = await psql.fetch("SELECT actor, action FROM operator_actions ORDER BY id")
    assert [tuple(row) for row in actions] == [("ada", "dry_run"), ("ada", "cancel"), ("ada", "retry")]
