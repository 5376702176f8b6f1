"""The life of the app: opening late, leaving quickly, closing in order, and never losing a cancellation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.css.query import NoMatches
from textual.pilot import Pilot

import bawt_console
from bawt_console.app import ConsoleApp, run_console
from bawt_console.screens.run import RunScreen
from bawt_console.source import Source
from scheduler_core.errors import EmbeddedServerError
from tests.console.believable import NOW, believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import NARROW, jobs_of, opened, picture, until


class Opener:
    """Opens a fake source and remembers what happened.

    Args:
        hangs: never finishes opening.
    """

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs = hangs
        self.happened: list[str] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Source]:
        self.happened.append("opening")
        entered = asyncio.current_task()
        try:
            if self.hangs:
                await asyncio.Event().wait()
            self.happened.append("open")
            yield FakeSource(believable_world())
        finally:
            assert asyncio.current_task() is entered, "what a task opened, that task must close"
            self.happened.append("closed")


def console(opener: Opener) -> ConsoleApp:
    return ConsoleApp(opener, now=lambda: NOW, tick=None)


async def test_the_source_is_closed_by_the_task_that_opened_it_after_the_app_has_ended() -> None:
    opener = Opener()
    app = console(opener)
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: jobs_of(app).is_loaded, "the jobs")
        await pilot.press("q")
    assert opener.happened == ["opening", "open"]
    await app.aclose()
    assert opener.happened == ["opening", "open", "closed"]


async def test_q_leaves_at_once_while_the_database_is_still_being_opened() -> None:
    opener = Opener(hangs=True)
    app = console(opener)
    async with asyncio.timeout(5):
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda: bool(opener.happened), "the opening")
            await pilot.press("q")
        await app.aclose()
    assert opener.happened == ["opening", "closed"]
    assert app.return_code == 0


async def test_the_screen_says_what_the_start_is_doing() -> None:
    app = console(Opener(hangs=True))
    async with app.run_test(size=NARROW) as pilot:
        app.say("Starting the private PostgreSQL")
        await until(pilot, lambda: "Starting the private PostgreSQL" in picture(app), "the words")
    await app.aclose()


async def test_a_source_that_dies_later_shows_the_panel_and_opens_again() -> None:
    died = asyncio.Event()
    opener = Opener()
    lives = 0

    class Dying(FakeSource):
        async def changes(self) -> AsyncIterator[frozenset[str]]:
            if lives == 1:
                await died.wait()
                raise EmbeddedServerError("The private server ended.", "Look at its log.")
            async for kinds in super().changes():
                yield kinds

    @asynccontextmanager
    async def open_dying() -> AsyncIterator[Source]:
        nonlocal lives
        lives += 1
        yield Dying(believable_world())

    opener.happened.clear()
    async with opened(ConsoleApp(open_dying, now=lambda: NOW, tick=None), NARROW) as pilot:
        died.set()
        await until(pilot, lambda: "The private server ended." in picture(pilot.app), "the panel")
        await pilot.press("r")
        await until(pilot, lambda: "next due first" in picture(pilot.app), "the jobs")


async def test_leaving_after_a_failed_start_tells_it_by_the_exit_code() -> None:
    error = EmbeddedServerError("The private server cannot start.", "Look at its log.")
    app = console_on(FakeSource(believable_world()), failure=error)
    real = app.run_async

    async def press_q(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.desk.failure is error, "the failure")
        await pilot.press("q")

    async def run_headless() -> int | None:
        return await real(headless=True, size=NARROW, auto_pilot=press_q)  # type: ignore[arg-type]

    app.run_async = run_headless  # type: ignore[method-assign, assignment]
    assert await run_console(app) == error.exit_code == 3


async def test_cancelling_from_outside_closes_everything_and_is_not_swallowed() -> None:
    opener = Opener()
    app = console(opener)
    real = app.run_async

    async def run_headless(**_: object) -> int | None:
        return await real(headless=True, size=NARROW)

    app.run_async = run_headless  # type: ignore[method-assign]
    running = asyncio.create_task(run_console(app), name="console under test")
    pilot = Pilot(app)
    async with asyncio.timeout(10):
        while "open" not in opener.happened:
            await asyncio.wait({running}, timeout=0.01)
            assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert pilot.app is app
    assert opener.happened == ["opening", "open", "closed"]


async def test_a_screen_that_is_not_composed_yet_can_be_told_anything() -> None:
    app = console(Opener())
    async with opened(app, NARROW):
        screen = RunScreen(app.desk, believable_world().runs[0])
        screen.refresh_chrome()
        screen.changed(frozenset({"runs"}))
        assert not screen.is_mounted


def test_every_rule_of_a_stylesheet_is_nested_under_a_screen() -> None:
    sheets = list((Path(bawt_console.__file__).parent / "screens").glob("*.tcss"))
    assert len(sheets) >= 5
    for sheet in sheets:
        depth = 0
        for line in sheet.read_text(encoding="utf-8").splitlines():
            if depth == 0 and line.strip():
                names = [name.strip() for name in line.rstrip("{ ").split(",")]
                assert all(name.endswith("Screen") and name.isidentifier() for name in names), (
                    f"{sheet.name}: {line}"
                )
            depth += line.count("{") - line.count("}")
        assert depth == 0


async def test_a_tick_while_the_console_closes_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app):
        await jobs_of(app).query_one("#header").remove()
        with pytest.raises(NoMatches):
            app._tick()
        monkeypatch.setattr(app, "_running", False)
        app._tick()
        monkeypatch.undo()
