"""Keys mean the screen, also while its first rows are still on their way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Input

from bawt_console.app import ConsoleApp
from bawt_console.modes import MODES
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, opened, until


class SlowSource(FakeSource):
    """Answers nothing until `go` is set."""

    def __init__(self) -> None:
        super().__init__(believable_world())
        self.go = asyncio.Event()
        self.go.set()
        for part in (self.records, self.work, self.measures):
            for name in ("memories", "profiles", "snapshot", "chart", "forecast"):
                if hasattr(part, name):
                    setattr(part, name, self._slow(getattr(part, name)))
        for name in ("runs", "nodes", "health", "actions"):
            setattr(self, name, self._slow(getattr(self, name)))

    def _slow(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def slow(*args: Any, **options: Any) -> Any:
            await self.go.wait()
            return await call(*args, **options)

        return slow


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.id))
async def test_no_hidden_filter_takes_the_keys_of_a_screen_that_loads(mode: Any) -> None:
    source = SlowSource()
    app = console_on(source)
    async with opened(app, MEDIUM) as pilot:
        assert isinstance(app, ConsoleApp)
        source.go.clear()
        await pilot.press(mode.key)
        await until(pilot, lambda: app.current_mode == mode.id, "the screen")
        await pilot.pause()
        assert not isinstance(app.focused, Input)
        source.go.set()
        await pilot.pause()
        await pilot.press("1" if mode.key != "1" else "2")
        await until(pilot, lambda: app.current_mode != mode.id, "the other screen")
