"""The first visit of a screen waits for rows only: styles are read once, and screens are there before."""

import asyncio
import time

import pytest
from textual.color import Color
from textual.css.stylesheet import Stylesheet
from textual.widget import AwaitMount

from bawt_console.app import ConsoleApp
from bawt_console.modes import MODES
from bawt_console.screens.charts import ChartsScreen
from bawt_console.screens.commanding import obey
from bawt_console.screens.live import VIEW, LiveScreen
from bawt_console.screens_ahead import BETWEEN_KEYS_SECONDS
from bawt_console.widgets.themes import THEMES
from scheduler_core.domain import EVERY_JOB, JobFilter, JobOverview
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import PATIENCE_SECONDS, jobs_of, opened, toasts, until
from tests.console.test_charts import settled


def ticking() -> ConsoleApp:
    """One that does what comes by itself."""
    return console_on(FakeSource(believable_world()), tick=60.0)


def made(app: ConsoleApp) -> set[str]:
    return {mode for mode, stack in app._screen_stacks.items() if stack}


async def test_no_visit_reads_the_styles_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    reparse = Stylesheet.reparse

    def noted(styles: Stylesheet) -> None:
        read.append("again")
        reparse(styles)

    app = console_on(FakeSource(believable_world()))
    async with opened(app) as pilot:
        monkeypatch.setattr(Stylesheet, "reparse", noted)
        for mode in MODES:
            await pilot.press(mode.key)
            await settled(pilot)
        assert read == []
        app.action_theme()
        await pilot.pause()
        assert read == ["again"]


@pytest.mark.parametrize("is_visited", [False, True])
async def test_a_theme_chosen_on_another_screen_is_there(is_visited: bool) -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app) as pilot:
        if is_visited:
            await pilot.press("2")
            await settled(pilot)
            await pilot.press("1")
            await settled(pilot)
        app.action_theme()
        await pilot.press("2")
        await settled(pilot)
        theme = next(each for each in THEMES if each.name == app.theme)
        assert theme.background is not None
        assert app.screen.styles.background == Color.parse(theme.background)
        assert app.screen.query_one("#header").styles.background == Color.parse(theme.variables["bar"])


async def test_screens_are_made_before_somebody_asks_for_them_and_ask_nobody() -> None:
    source = FakeSource(believable_world())
    app = console_on(source, tick=60.0)
    async with opened(app) as pilot:
        await until(pilot, lambda: made(app) >= {mode.id for mode in MODES}, "all screens")
        await pilot.pause(0.1)
        assert {"chart", "forecast", "profiles", "memories", "actions"}.isdisjoint(source.asked)
        assert app.current_mode == "jobs"
        assert app.focused is not None
        await pilot.press("4")
        await settled(pilot)
        assert "forecast" in source.asked


async def test_no_screen_is_made_while_somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ticking()
    asked: list[float] = []
    is_quiet = False

    def quiet(seconds: float) -> bool:
        asked.append(seconds)
        return is_quiet

    monkeypatch.setattr(app._ahead, "_is_quiet", quiet)
    async with opened(app) as pilot:
        await until(pilot, lambda: len(asked) > 3, "the question whether somebody types")
        assert set(asked) == {BETWEEN_KEYS_SECONDS}
        assert made(app) - {"_default"} == {"jobs"}
        is_quiet = True
        await until(pilot, lambda: len(made(app)) >= len(MODES), "the others")


class Making:
    """A console that makes screens which nobody asked for only when it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self._may = False
        make = ConsoleApp._init_mode

        def noted(console: ConsoleApp, mode: str) -> AwaitMount:
            self.begun.append(mode)
            return make(console, mode)

        monkeypatch.setattr(ConsoleApp, "_init_mode", noted)
        self.app = ticking()
        monkeypatch.setattr(self.app._ahead, "_is_quiet", lambda seconds: self._may)

    async def come_to(self, mode: str) -> None:
        """Returns in the turn of the loop after this one was begun."""
        self._may = True
        async with asyncio.timeout(PATIENCE_SECONDS):
            while mode not in self.begun:  # noqa: ASYNC110 - each turn, to be there while it is half made
                await asyncio.sleep(0)


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    return Making(monkeypatch)


@pytest.mark.parametrize("at", [mode.id for mode in MODES if mode.id != "jobs"])
@pytest.mark.parametrize("way", ["exit", "shutdown"])
async def test_leaving_while_a_screen_is_made_waits_for_it_and_makes_no_more(
    making: Making, at: str, way: str
) -> None:
    async with opened(making.app):
        await making.come_to(at)
        if way == "exit":
            making.app.exit(0)
    # Without it the test's own end comes a little later.
    assert making.begun[-1] == at or way == "shutdown"
    assert making.app._exception is None


async def test_a_key_that_comes_while_it_is_left_shows_no_further_screen(making: Making) -> None:
    app = making.app
    async with opened(app):
        await making.come_to("runs")
        app.exit(0)
        await app.action_show("forecast")
        assert (app.current_mode, making.begun[-1]) == ("jobs", "runs")
    assert app._exception is None


async def test_a_command_for_a_screen_that_is_half_made_waits_for_it(making: Making) -> None:
    app = making.app
    async with opened(app) as pilot:
        await making.come_to("charts")
        obey(jobs_of(app), "chart profile_maintenance 7d")
        await until(pilot, lambda: isinstance(app.screen, ChartsScreen), "the charts")
        await settled(pilot)
        assert isinstance(app.screen, ChartsScreen)
        assert app.screen.window.word == "7d"
        assert "profile_maintenance" in app.screen.charted.words
        assert "went wrong" not in str(toasts(app))


async def test_a_screen_is_painted_at_once_but_where_others_lie_on_top_of_it() -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app) as pilot:
        for mode in ("runs", "jobs", "runs", "jobs"):
            await app.action_show(mode)
            assert app._batch_count == 0
            assert app.screen.place == mode  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 2, "a run on top of the jobs")
        await app.action_show("runs")
        # The run would be seen for a moment, on the way to the jobs below it.
        await app.action_show("jobs")
        assert app._batch_count == 1
        assert app.screen is jobs_of(app)


async def test_charts_and_forecasts_rest_a_second_where_rows_change_all_the_time() -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app) as pilot:
        for key in "34":
            await pilot.press(key)
            await settled(pilot)
            assert isinstance(app.screen, LiveScreen)
            assert app.screen._rest_until - time.monotonic() > 0.5
            assert app.screen._rests(frozenset({"jobs"}))
            assert not app.screen._rests(frozenset({"jobs", VIEW}))


async def test_a_list_rests_twice_as_long_as_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource(believable_world())
    jobs, came_at = source.jobs, 0.0

    async def slow(wanted: JobFilter = EVERY_JOB, *, first_page: bool = False) -> list[JobOverview]:
        nonlocal came_at
        await asyncio.sleep(0.2)
        came_at = time.monotonic()
        return await jobs(wanted, first_page=first_page)

    monkeypatch.setattr(source, "jobs", slow)
    app = console_on(source)
    async with opened(app) as pilot:
        await until(pilot, lambda: not jobs_of(app)._loading, "the load")
        # Also when the looks at one row that followed were quick.
        assert jobs_of(app)._rest_until - came_at >= 0.4
