"""The first visit of a screen waits for rows only: styles are read once, and screens are there before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.color import Color
from textual.css.stylesheet import Stylesheet

from bawt_console.app import ConsoleApp
from bawt_console.modes import MODES
from bawt_console.widgets.themes import THEMES
from tests.console.believable import NOW, believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import opened, until
from tests.console.test_charts import settled


def ticking(source: FakeSource) -> ConsoleApp:
    @asynccontextmanager
    async def opener() -> AsyncIterator[FakeSource]:
        yield source

    return ConsoleApp(opener, now=lambda: NOW, tick=60.0)


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
    app = ticking(source)
    async with opened(app) as pilot:
        await until(pilot, lambda: made(app) >= {mode.id for mode in MODES}, "all screens")
        await pilot.pause(0.1)
        assert {"chart", "forecast", "profiles", "memories", "actions"}.isdisjoint(source.asked)
        assert app.current_mode == "jobs"
        assert app.focused is not None
        await pilot.press("4")
        await settled(pilot)
        assert "forecast" in source.asked


async def test_no_screen_is_made_while_somebody_types() -> None:
    app = ticking(FakeSource(believable_world()))
    async with opened(app) as pilot:
        for _ in range(30):
            await pilot.press("j")
            await asyncio.sleep(0.05)
        assert made(app) - {"_default"} == {"jobs"}
        await until(pilot, lambda: len(made(app)) >= len(MODES), "the others")
