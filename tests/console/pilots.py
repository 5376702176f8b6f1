"""Waiting for a screen, and reading what it shows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.screens.jobs import JobsScreen
from bawt_console.screens.memories import MemoriesScreen
from bawt_console.screens.profile import ProfileScreen
from bawt_console.screens.profiles import ProfilesScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.runs import RunsScreen

WIDE = (200, 50)
MEDIUM = (120, 36)
NARROW = (80, 24)
PATIENCE_SECONDS = 10.0


async def until(pilot: "Pilot[int]", condition: Callable[[], bool], what: str) -> None:
    """Lets the app work until the condition holds; fails after `PATIENCE_SECONDS`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while not condition():
        assert loop.time() < deadline, f"waited in vain for {what}; the screen shows:\n{picture(pilot.app)}"
        await pilot.pause(0.005)


@asynccontextmanager
async def opened(app: ConsoleApp, size: tuple[int, int] = MEDIUM) -> AsyncIterator["Pilot[int]"]:
    """The app on a screen of this size, with its first rows; everything closed afterwards."""
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.desk.source is not None, "the source")
            await until(pilot, lambda: jobs_of(app).is_loaded, "the jobs")
            await pilot.pause()
            yield pilot
    finally:
        await app.aclose()


def picture(app: object) -> str:
    """What is on the screen, as text."""
    assert isinstance(app, ConsoleApp)
    height = app.size.height
    compositor = app.screen._compositor
    lines = compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines[:height])


def toasts(app: ConsoleApp) -> list[str]:
    """What was said in toasts that are still shown."""
    return [each.message for each in app._notifications]


def jobs_of(app: ConsoleApp) -> JobsScreen:
    screen = app._screen_stacks["jobs"][0]
    assert isinstance(screen, JobsScreen)
    return screen


def runs_of(app: ConsoleApp) -> RunsScreen:
    screen = app._screen_stacks["runs"][0]
    assert isinstance(screen, RunsScreen)
    return screen


def profiles_of(app: ConsoleApp) -> ProfilesScreen:
    screen = app._screen_stacks["profiles"][0]
    assert isinstance(screen, ProfilesScreen)
    return screen


def profile_of(app: ConsoleApp) -> ProfileScreen:
    assert isinstance(app.screen, ProfileScreen)
    return app.screen


def memories_of(app: ConsoleApp) -> MemoriesScreen:
    screen = app._screen_stacks["memories"][0]
    assert isinstance(screen, MemoriesScreen)
    return screen


def run_of(app: ConsoleApp) -> RunScreen:
    assert isinstance(app.screen, RunScreen)
    return app.screen
