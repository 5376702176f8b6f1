"""The Audit screen on a real database: who did what, page by page, and taking it back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from typing import TypeAlias
from uuid import UUID

import asyncpg
import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.filters import OF_ACTIONS, parse_filter
from bawt_console.screens.audit import PAGE, AuditScreen
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.jobs import JobsScreen
from bawt_console.screens.run import RunScreen
from bawt_console.source import ATTACHED, open_source
from scheduler_core.db.connect import Address
from tests.console.believable import NOW, World, believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, opened, picture, toasts, until

Psql: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def job(psql: Psql) -> UUID:
    found: UUID = await psql.fetchval(
        "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
        " VALUES ('memory_decay', 'nova', 60, now() + interval '1 hour') RETURNING id"
    )
    return found


@pytest.fixture
def app(database_url: str, job: UUID) -> ConsoleApp:
    address = Address.parse(database_url)
    return ConsoleApp(lambda: open_source(address, actor="ada@attic console", mode=ATTACHED), zone=UTC)


@asynccontextmanager
async def audit_on(app: ConsoleApp) -> AsyncIterator[tuple["Pilot[int]", AuditScreen]]:
    """The console on the Audit screen, with its rows."""
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("9")
        screen = pilot.app.screen
        assert isinstance(screen, AuditScreen)
        await until(pilot, lambda: screen.is_loaded and screen.is_idle, "the actions")
        await pilot.pause()
        yield pilot, screen


async def test_a_pause_stands_there_with_who_from_where_and_why_and_is_taken_back(
    app: ConsoleApp, psql: Psql
) -> None:
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("p", *"look", "enter")
        await until(pilot, lambda: "by ada@attic" in picture(app), "the pause")
        await pilot.press("9")
        await until(pilot, lambda: "↶ can" in picture(app), "the action")
        shown = picture(app)
        for words in ("pause", "memory_decay nova", "ada@attic", "console", "look"):
            assert words in shown
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        assert "memory_decay nova is resumed." in picture(app)
        await pilot.press("enter")
        await pilot.pause()
        assert not await psql.fetchval("SELECT enabled FROM scheduled_jobs"), "the default is to leave it"
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "is taken back." in str(toasts(app)), "the toast")
        assert await psql.fetchval("SELECT enabled FROM scheduled_jobs")
        await until(pilot, lambda: "takes back action" in picture(app), "the new row")


async def test_what_no_longer_fits_is_refused_with_the_reason_before_and_after_the_question(
    app: ConsoleApp, psql: Psql
) -> None:
    await psql.execute("UPDATE scheduled_jobs SET enabled = false")
    await psql.execute(
        "INSERT INTO operator_actions (actor, action, object_type, object_id)"
        " SELECT 'grace@office command', 'pause', 'job', id::text FROM scheduled_jobs"
    )
    async with audit_on(app) as (pilot, screen):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await psql.execute("UPDATE scheduled_jobs SET enabled = true")
        await pilot.press("y")
        await until(pilot, lambda: "The job is not paused any more." in str(toasts(app)), "the refusal")
        screen.changed(frozenset({"jobs"}))
        await until(pilot, lambda: screen.why_not("undo") is not None, "the news")
        assert screen.why_not("undo") == "The job is not paused any more."


async def test_enter_goes_to_the_job_and_to_the_run(app: ConsoleApp) -> None:
    async with audit_on(app) as (pilot, _):
        await app.desk.source.pause(await _job(app)) if app.desk.source else None
        await until(pilot, lambda: "pause" in picture(app), "the action")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        await pilot.press("R", "9")
        await until(pilot, lambda: "force run" in picture(app), "the run's action")
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")


async def _job(app: ConsoleApp) -> UUID:
    assert app.desk.source is not None
    return (await app.desk.source.jobs())[0].job.id


async def test_older_pages_come_when_the_end_is_reached_and_words_are_searched_in_them(
    app: ConsoleApp, psql: Psql
) -> None:
    await psql.execute(
        "INSERT INTO operator_actions (actor, action, object_type, object_id, reason, at)"
        " SELECT 'ada', 'note', 'job', n::text, CASE WHEN n = 3 THEN 'needle' END,"
        " now() - (2000 - n) * interval '1 minute' FROM generate_series(1, 1500) n"
    )
    async with audit_on(app) as (pilot, screen):
        assert len(screen.table.rows) == PAGE
        assert "300 actions so far" in picture(app)
        await pilot.press("end")
        await until(pilot, lambda: len(screen.table.rows) > PAGE, "the next page")
        await pilot.press("slash", *"needle", "enter")
        await until(pilot, lambda: len(screen.table.rows) == 1 and screen.is_idle, "the needle")
        assert "1,500 searched" in picture(app)
        assert len(screen.exported()) == 1
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.table.rows) == 1500, "all of them")


async def test_nobody_and_nothing_found_are_explained(app: ConsoleApp) -> None:
    async with audit_on(app) as (pilot, _):
        assert "Nobody has done anything yet." in picture(app)
        await pilot.press("slash", *"did:pause", "enter")
        await until(pilot, lambda: "matches the filter" in picture(app), "the hint")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [17, 16, 15, 14, 13, 12, 11]),
        ("who:grace@office", [16, 14]),
        ("who:ada* did:pause", [12]),
        ("did:pause,resume since:1d", [15, 14]),
        ("job:memory* bot:nova", [16, 15, 14]),
        ("allergy", [11]),
        ('"last failure"', [12]),
        ("interval_minutes 720", [16]),
    ],
)
def test_a_filter_finds_actions(text: str, numbers: list[int]) -> None:
    wanted = parse_filter(text, OF_ACTIONS)
    found = [each.id for each in believable_world().actions if wanted.matches_action(each, NOW)]
    assert found == numbers


async def test_a_run_that_is_gone_is_said_to_be_gone() -> None:
    source = FakeSource(World(actions=believable_world().actions))
    async with audit_on(console_on(source)) as (pilot, _):
        await pilot.press("enter")
        assert isinstance(pilot.app, ConsoleApp)
        await until(pilot, lambda: "There is no run" in str(toasts(pilot.app)), "the sentence")  # type: ignore[arg-type]
