"""Keys that arrive all at once do what they would have done one by one."""

import asyncio
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widget import Widget

from bawt_console import keystrokes
from bawt_console.app import ConsoleApp
from bawt_console.keystrokes import Keystrokes, Trail
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.themes import said_of
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import jobs_of, opened, toasts, until

_NAMES = {"\r": "enter", "\x1b": "escape", "\x1b[B": "down"}


def type_at_once(app: ConsoleApp, keys: str) -> None:
    """Puts keys in front of the app as a terminal does that was given them in one piece."""
    for each in keys:
        name = _NAMES.get(each) or (each if each.isalnum() else _character_to_key(each))
        app.post_message(events.Key(name, each if each.isprintable() else None))


def console(pilot: "Pilot[int]") -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


@pytest.mark.parametrize(
    ("keys", "screen", "wanted"),
    [
        ("/state:failed\r", "jobs", "state:failed"),
        (":filter state:failed\r", "jobs", "state:failed"),
        ("2/state:failed\rjj", "runs", "state:failed"),
        (":runs\r/state:failed\r", "runs", "state:failed"),
        ("2/state:failed\r\x1b/state:ok\r1/bot:nova\rs", "jobs", "bot:nova"),
    ],
)
async def test_a_burst_reaches_the_line_that_its_first_key_opens(keys: str, screen: str, wanted: str) -> None:
    async with opened(console_on(FakeSource(believable_world()))) as pilot:
        app = console(pilot)
        theme = app.theme
        # The theme changes last, as a mark that all keys have come.
        type_at_once(app, keys + "T")
        await until(pilot, lambda: app.theme != theme, "the last key")
        assert app.current_mode == screen
        line = app.screen.query_one(FilterLine)
        assert (line.input.value, line.wanted.text, line.input.has_focus) == (wanted, wanted, False)
        assert toasts(app) == [f"Theme: {said_of(app.theme)}."]


async def test_a_burst_fills_the_dialog_that_its_first_key_opens() -> None:
    source = FakeSource(believable_world())
    async with opened(console_on(source)) as pilot:
        app = console(pilot)
        chosen = jobs_of(app).selected
        assert chosen is not None
        type_at_once(app, "pcheck first\r")
        await until(pilot, lambda: bool(toasts(app)), "the notice")
        paused = next(each.job for each in source.world.jobs if each.job.id == chosen.job.id)
        assert paused.paused_reason == "check first"


async def test_keys_go_on_when_the_screen_that_had_them_is_gone() -> None:
    async with opened(console_on(FakeSource(believable_world()))) as pilot:
        app = console(pilot)
        type_at_once(app, "\r" + "\x1b" + "?" + "\x1b" + "2" + "\r" + "\x1b" + "?q" + "3" + "w" + "1j")
        await until(pilot, lambda: app.current_mode == "jobs" and jobs_of(app).table.cursor == 1, "the row")


async def test_keys_behind_the_one_that_leaves_do_not_disturb_the_leaving() -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app) as pilot:
        type_at_once(app, "q" + "jq/:" * 50)
        await until(pilot, lambda: not app.is_running, "the end")
    assert app.return_code == 0


class Sink(Widget, can_focus=True):
    """Takes keys, and lets nothing of what follows them pass."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[str] = []

    def on_key(self, event: events.Key) -> None:
        self.came.append(event.key)

    def on_trail(self, event: Trail) -> None:
        event.stop()


class SinkApp(App[int]):
    def __init__(self) -> None:
        super().__init__()
        self.keystrokes = Keystrokes(self, super().on_event)

    def compose(self) -> ComposeResult:
        yield Sink()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self.keystrokes.take(event)
        else:
            await super().on_event(event)


async def test_keys_go_on_in_order_when_what_follows_one_of_them_is_lost(monkeypatch: Any) -> None:
    monkeypatch.setattr(keystrokes, "PATIENCE_SECONDS", 0.02)
    app = SinkApp()
    async with app.run_test() as pilot:
        sink = app.query_one(Sink)
        for key in "abc":
            app.post_message(events.Key(key, key))
        await pilot.pause()
        async with asyncio.timeout(10):
            while len(sink.came) < 3:
                await pilot.pause(0.005)
        assert sink.came == ["a", "b", "c"]
