"""The brief: offered once after something happened, and a way from each line to what it is about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, timedelta

import asyncpg
import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.brief import headline
from bawt_console.screens.brief import BriefScreen
from bawt_console.screens.commanding import obey
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.jobs import JobsScreen
from bawt_console.source import ATTACHED, open_source
from scheduler_core.db.connect import Address
from scheduler_core.domain import RunStatus
from tests.console.believable import NOW, World, believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, opened, picture, run_of, toasts, until


@pytest.fixture
def source() -> FakeSource:
    source = FakeSource(believable_world())
    source.last_visit = NOW - timedelta(hours=9)
    return source


@asynccontextmanager
async def brief_on(source: FakeSource) -> AsyncIterator[tuple["Pilot[int]", ConsoleApp, BriefScreen]]:
    """The console with the brief on top."""
    app = console_on(source)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("b")
        screen = app.screen
        assert isinstance(screen, BriefScreen)
        await until(pilot, lambda: screen.is_loaded and screen.is_idle, "the brief")
        await pilot.pause()
        yield pilot, app, screen


async def test_it_is_offered_once_when_something_happened_and_blocks_nothing(source: FakeSource) -> None:
    app = console_on(source)
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: "Since you left" in str(toasts(app)), "the offer")
        assert "b shows the brief." in str(toasts(app))
        assert isinstance(app.screen, JobsScreen)
        assert source.asked.count("brief") == 1


@pytest.mark.parametrize(
    ("failed", "recovered", "words"),
    [
        (2, 0, ", 2 failed;"),
        (1, 1, ", 1 failed, and succeeded when tried again;"),
        (3, 2, ", 3 failed, 2 of them succeeded when tried again;"),
    ],
)
async def test_the_headline_says_which_failures_need_nobody(
    source: FakeSource, failed: int, recovered: int, words: str
) -> None:
    counts = {RunStatus.SUCCESS: 9, RunStatus.FAILED: failed}
    brief = await source.brief(NOW - timedelta(hours=9))
    brief = replace(brief, counts=counts, recovered=recovered, suspicious=0, overlapped=0)
    assert words in headline(brief, last_visit=None).plain


@pytest.mark.parametrize("case", ["a quiet time", "the first visit"])
async def test_it_is_not_offered_after(case: str) -> None:
    source = FakeSource(World() if case == "a quiet time" else believable_world())
    source.last_visit = NOW - timedelta(hours=9) if case == "a quiet time" else None
    app = console_on(source)
    async with opened(app, MEDIUM) as pilot:
        if case == "a quiet time":
            await until(pilot, lambda: "brief" in source.asked, "the question")
        await pilot.pause()
        assert toasts(app) == []


async def test_it_says_what_happened_the_worst_first(source: FakeSource) -> None:
    async with brief_on(source) as (_, app, screen):
        assert "Since you left (Sat 18:14, 9 h):" in picture(app)
        assert screen.table.rows[0].word == "failed"
        assert screen.table.rows[-1].word == "paused"
        assert screen.exported()[0]["what"] == "failed"


async def test_enter_opens_the_run_and_d_its_diff_and_escape_comes_back(source: FakeSource) -> None:
    async with brief_on(source) as (pilot, app, screen):
        run = screen.selected.run if screen.selected is not None else None
        assert run is not None
        await pilot.press("enter")
        assert run_of(app).run_id == run.id
        await pilot.press("escape")
        assert app.screen is screen
        await pilot.press("d")
        assert run_of(app).panes.chosen == "Diff"
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, JobsScreen)


async def test_a_failure_is_retried_from_here_after_asking(source: FakeSource) -> None:
    async with brief_on(source) as (pilot, app, _):
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "Added attempt 2" in str(toasts(app)), "the toast")


async def test_a_paused_job_is_shown_by_enter_and_resumed_by_its_key(source: FakeSource) -> None:
    async with brief_on(source) as (pilot, app, screen):
        await pilot.press("end")
        assert screen.why_not("retry") == "This line is about a job; enter shows it."
        await pilot.press("P")
        await until(pilot, lambda: "Resumed 1 job: memory_decay mira." in str(toasts(app)), "the toast")
        await until(pilot, lambda: all(item.word != "paused" for item in screen.table.rows), "the news")


async def test_enter_on_a_job_goes_to_the_jobs_with_the_cursor_on_it(source: FakeSource) -> None:
    async with brief_on(source) as (pilot, app, _):
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, lambda: screen.selected is not None and not screen.selected.job.enabled, "the job")


async def test_a_colon_looks_further_back_and_says_what_it_cannot_read(source: FakeSource) -> None:
    async with brief_on(source) as (pilot, app, screen):
        obey(screen, "brief 2d")
        await until(pilot, lambda: "Since Fri 03:14 (2 d):" in picture(app), "two days")
        shown = app.screen
        assert isinstance(shown, BriefScreen)
        obey(shown, "brief 22:15")
        await until(pilot, lambda: " 22:15 (" in picture(app), "since it was that time last")
        shown = app.screen
        assert isinstance(shown, BriefScreen)
        obey(shown, "brief yesterday")
        await until(pilot, lambda: "That is no time to look back to." in str(toasts(app)), "the sentence")


async def test_on_a_real_database_a_failure_is_found_again(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO job_runs (job_type, bot_id, status, error_message, started_at, finished_at, duration_ms)"
        " VALUES ('memory_decay', 'nova', 'failed', 'the disk is full', now() - interval '2 hours', now(), 5)"
    )
    await connection.close()
    address = Address.parse(database_url)
    app = ConsoleApp(lambda: open_source(address, actor="tester", mode=ATTACHED), zone=UTC)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("b")
        await until(pilot, lambda: "the disk is full" in picture(app), "the failure")
        assert "1 failed" in picture(app)
        await pilot.press("enter")
        assert run_of(app).run.error_message == "the disk is full"
