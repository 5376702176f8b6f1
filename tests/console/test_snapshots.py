"""Pictures of the screens, at both sizes, reached by keys, with the clock and the time zone stopped.

After a wanted change: pytest tests/console/test_snapshots.py --snapshot-update
"""

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from bawt_console.app import ConsoleApp
from bawt_console.source import Link
from bawt_console.widgets.themes import THEMES
from scheduler_core.errors import DatabaseUnreachableError
from tests.console.believable import World, believable_world, busy_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import NARROW, WIDE, jobs_of, picture, runs_of, until

Compare = Callable[..., bool]

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
# To the profile of user/ada.
_ADA = ("5", "down", "enter")
PLACES = {
    "jobs": (),
    "jobs, log": ("down", "right"),
    "jobs, chart": ("down", "right", "right"),
    "jobs, settings of a paused job": ("end", "right", "right", "right"),
    "jobs, filtered": ("slash", *"bot:nova", "enter"),
    "jobs, filter with a mistake": ("slash", *"dur>soon", "enter"),
    "jobs, the question before a pause": ("p",),
    "jobs, the question before a cancel": ("down", "X"),
    "jobs, help": ("question_mark",),
    "jobs, worst first with marks": ("s", "space", "space"),
    "jobs, the question before many are run": ("asterisk", "R"),
    "jobs, schedule editor": ("e", "tab", *"30 3 * * 1-5"),
    "jobs, schedule editor with a mistake": ("e", "tab", *"30 3 * * 1-9"),
    "jobs, a command being typed": ("colon", *"run memory_c"),
    "runs": ("2",),
    "runs, failed": ("2", "slash", *"state:failed", "enter"),
    "run, summary": ("2", "down", "enter"),
    "run, result": ("2", "down", "enter", "right"),
    "run, log of a running one": ("down", "enter", "right", "right", "right"),
    "run, diff": ("2", "down", "d"),
    "run, diff of a dry run that waits": ("down", "down", "D"),
    "models": ("7",),
    "models, one that is too large": ("7", "end", "up"),
    "models, catalogue": ("7", "C"),
    "models, the question before a download": ("7", "C", "down", "down", "enter"),
    "models, a download": ("7", "C", "down", "down", "enter", "y"),
    "models, a download that was stopped": ("7", "C", "down", "down", "enter", "y", "X"),
    "models, from an address": ("7", "U", *"https://models.example/"),
    "models, an answer": ("7", "t", *"who is ada", "enter"),
    "nodes": ("8",),
    "nodes, one of them": ("8", "right"),
    "nodes, the database": ("8", "right", "right"),
    "audit": ("9",),
    "audit, filtered": ("9", "slash", *"pause who:ada*", "enter"),
    "audit, the question before taking back": ("9", "down", "u"),
    "brief": ("b",),
    "brief, a paused job": ("b", "end"),
    "charts": ("3",),
    "charts, runs of a week": ("3", "w", "m", "left", "left"),
    "charts, lateness of one job": ("3", "m", "m", "m", "down", "down", "left", "left", "left"),
    "charts, success of a month": ("3", "w", "w", "m", "m"),
    "charts, nothing in the last hour": ("3", *"www", *["down"] * 6),
    "forecast": ("4",),
    "forecast, one lane": ("4", "down", "down", "down"),
    "profiles": ("5",),
    "profiles, filtered": ("5", "slash", *"state:suspicious", "enter"),
    "profiles, filter with a mistake": ("5", "slash", *"score>1", "enter"),
    "profile, summary with sources": (*_ADA, "down", "down"),
    "profile, what a version changed": (*_ADA, "right"),
    "profile, from a version to the live one": (*_ADA, "right", "down", "down", "d"),
    "profile, two versions side by side": (*_ADA, "right", "down", "down", "d", "d"),
    "profile, the question before a rollback": (*_ADA, "right", "down", "down", "B"),
    "profile, a version that cannot come back": (*_ADA, "right", "down", "down", "down", "B"),
    "profile, attributes": (*_ADA, "right", "right"),
    "profile, refused drafts": (*_ADA, "right", "right", "right"),
    "memories": ("6", "down", "down", "down"),
    "memories, filtered": ("6", "slash", *"bot:nova tag:fact", "enter"),
    "memories, archived with reasons": ("6", "right", "right"),
    "memories, a merge": ("6", "right"),
    "memories, one opened": ("6", "enter"),
    "memories, the question before one comes back": ("6", "right", "B"),
    "memories, the question before many come back": ("6", "right", "right", "asterisk", "B"),
}


def keys(*pressed: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Waits for the rows, presses the keys one by one, and waits until the screen has come to rest."""

    async def press(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: jobs_of(app).is_loaded, "the jobs")
        for key in pressed:
            await pilot.press(key)
            if key == "2":
                await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
            await pilot.pause()
            await until(pilot, lambda: all(screen.is_idle for screen in app._live_screens()), "the rows")
        for each in app.screen.query(Input):
            each.cursor_blink = False
        await until(pilot, lambda: all(screen.is_idle for screen in app._live_screens()), "the last row")
        before = ""
        while before != (before := picture(app)):
            await pilot.pause(0.02)

    return press


@SIZES
@pytest.mark.parametrize("place", PLACES)
def test_a_screen_looks_as_it_did(place: str, size: tuple[int, int], snap_compare: Compare) -> None:
    app = console_on(FakeSource(believable_world()))
    assert snap_compare(app, run_before=keys(*PLACES[place]), terminal_size=size)


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
def test_a_theme_looks_as_it_did(theme: str, snap_compare: Compare) -> None:
    app = console_on(FakeSource(believable_world()))
    app.theme = theme
    assert snap_compare(app, run_before=keys("down", "right"), terminal_size=(118, 34))


def test_without_colour_every_state_is_still_told(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = console_on(FakeSource(believable_world()))
    assert snap_compare(app, run_before=keys("down"), terminal_size=NARROW)


@SIZES
@pytest.mark.parametrize("pressed", [("4",), ("4", "l", "down", "down")], ids=["usual", "long"])
def test_a_forecast_of_collisions_looks_as_it_did(
    pressed: tuple[str, ...], size: tuple[int, int], snap_compare: Compare
) -> None:
    app = console_on(FakeSource(busy_world()))
    assert snap_compare(app, run_before=keys(*pressed), terminal_size=size)


@SIZES
@pytest.mark.parametrize("key", ["1", "3", "4", "5", "6", "7", "8", "9", "b"])
def test_an_empty_database_looks_as_it_did(key: str, size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(console_on(FakeSource(World())), run_before=keys(key), terminal_size=size)


def test_a_lost_connection_looks_as_it_did(snap_compare: Compare) -> None:
    source = FakeSource(believable_world())
    source.standing = Link(connected=False, age=14.2, retry_in=2.4)
    assert snap_compare(console_on(source), run_before=keys("down"), terminal_size=NARROW)


@SIZES
def test_a_failed_start_looks_as_it_did(size: tuple[int, int], snap_compare: Compare) -> None:
    error = DatabaseUnreachableError(
        "The database at db.example/llm_bawt is not reachable.", "Start it, or correct LLM_BAWT_DATABASE_URL."
    )
    error.error_id = "0badcafe"
    app = console_on(FakeSource(World()), failure=error)

    async def wait(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.desk.failure is not None, "the failure")
        await pilot.pause()

    assert snap_compare(app, run_before=wait, terminal_size=size)
