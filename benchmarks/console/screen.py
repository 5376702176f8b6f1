"""The console under measurement: the real one, attached, on the terminal it was started in, that takes notes.

    python -m benchmarks.console.screen --url URL --directory DIR --notes FILE

It writes down when a key came and when the picture that answers it was painted, how long pages took to load,
how long the event loop did not come round, and how much memory there was. The notes are put together when it
ends.
"""

import argparse
import asyncio
import json
import struct
import tempfile
import time
from array import array
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import psutil as _psutil
from pydantic import SecretStr
from rich.console import RenderableType
from textual import events
from textual.screen import Screen

from bawt_console.app import ConsoleApp, run_console
from bawt_console.collector import keep_what_is_loaded
from bawt_console.hangup import ended_by_hangup
from bawt_console.launch import Launch
from bawt_console.modes import MODES
from bawt_console.screens.live import LiveScreen
from bawt_console.terminal import private_terminal
from bawt_console.widgets.table import LiveTable
from scheduler_core.settings import Settings

# psutil carries no types.
_system: Any = _psutil

BEAT_SECONDS = 0.005
MEMORY_SECONDS = 2.0
# When, and how long the loop did not come round.
_BEAT = struct.Struct("dd")


class Notes:
    """What was seen. Times are seconds of `time.monotonic`.

    Args:
        beats: an empty file for what is noted a hundred times a second. In memory the arrays of an hour left
            holes as large as themselves behind when they grew, and the console seemed to grow.
    """

    def __init__(self, beats: BinaryIO) -> None:
        self.keys = array("d")
        self.screens = array("d")
        self.memory: list[tuple[float, int, int, int]] = []
        self.loads: dict[str, array[float]] = {}
        self._beats = beats
        self._key_at: float | None = None
        self._waiting: list[tuple[array[float], float]] = []

    def key(self, at: float) -> None:
        self._key_at = at

    def unanswered(self) -> None:
        """The last key changed nothing, so no picture answers it."""
        self._key_at = None

    def answered(self, where: "array[float]") -> None:
        """The last key was carried out; its picture is the next one."""
        if self._key_at is not None:
            self._waiting.append((where, self._key_at))
            self._key_at = None

    def painted(self) -> None:
        now = time.monotonic()
        for where, at in self._waiting:
            where.append(now - at)
        self._waiting.clear()

    def beat(self, at: float, stall: float) -> None:
        self._beats.write(_BEAT.pack(at, stall))

    def json(self) -> str:
        self._beats.seek(0)
        return json.dumps(
            {
                "keys": list(self.keys),
                "screens": list(self.screens),
                "stalls": list(_BEAT.iter_unpack(self._beats.read())),
                "memory": self.memory,
                "loads": {name: list(spent) for name, spent in self.loads.items()},
            }
        )


class MeasuredConsole(ConsoleApp):
    """Differs from the console in nothing but that it takes notes."""

    def __init__(self, *args: Any, notes: Notes, **options: Any) -> None:
        super().__init__(*args, **options)
        self._notes = notes
        self.is_leaving = False

    async def action_quit(self) -> None:
        self.is_leaving = True
        await super().action_quit()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._notes.key(event.time)
        await super().on_event(event)

    async def action_show(self, mode: str) -> None:
        before = self.screen
        await super().action_show(mode)
        if self.screen is before:
            self._notes.unanswered()
        else:
            self._notes.answered(self._notes.screens)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        # While the library holds pictures back, it draws them and shows none.
        if renderable is not None and not self._batch_count:
            self._notes.painted()


def _note_moves(notes: Notes) -> None:
    move = LiveTable.move_to

    def moved(table: "LiveTable[Any]", index: int) -> None:
        before = table.cursor
        move(table, index)
        if table.cursor == before:
            notes.unanswered()
        else:
            notes.answered(notes.keys)

    setattr(LiveTable, "move_to", moved)  # noqa: B010 - its type says nothing of generics


def _note_loads(notes: Notes) -> None:
    for mode in MODES:
        module, _, name = mode.screen.partition(":")
        screen: type[LiveScreen] = getattr(import_module(module), name)
        screen.load = _timed(screen.load, notes.loads.setdefault(mode.id, array("d")))  # type: ignore[method-assign]


def _timed(load: Callable[..., Any], spent: "array[float]") -> Callable[..., Any]:
    async def timed(*args: Any) -> None:
        began = time.monotonic()
        await load(*args)
        spent.append(time.monotonic() - began)

    return timed


async def _watch(notes: Notes, app: "MeasuredConsole") -> None:
    """Stalls as far as they exceed the beat, and memory now and then, until it is left."""
    process, last, looked = _system.Process(), time.monotonic(), 0.0
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        now = time.monotonic()
        if app.is_leaving:
            return
        notes.beat(now, max(0.0, now - last - BEAT_SECONDS))
        last = now
        if now - looked > MEMORY_SECONDS:
            looked = now
            widgets = sum(len(list(screen.walk_children())) for screen in app._live_screens())
            notes.memory.append((now, process.memory_info().rss, len(asyncio.all_tasks()), widgets))


async def _run(app: "MeasuredConsole", notes: Notes) -> int:
    watching = asyncio.create_task(_watch(notes, app))
    try:
        return await run_console(app)
    finally:
        watching.cancel()


def main() -> None:
    """Runs until it is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    arguments = parser.parse_args()
    settings = Settings(database_url=SecretStr(arguments.url), data_dir=arguments.directory)
    with tempfile.TemporaryFile(dir=arguments.directory) as beats:
        notes = Notes(beats)
        _note_moves(notes)
        _note_loads(notes)
        with private_terminal() as terminal, ended_by_hangup(terminal.fileno()):
            launch = Launch(read=lambda: settings, attach=True, read_only=False, terminal=terminal)
            app = MeasuredConsole(launch.open, notes=notes)
            launch.say = app.say
            keep_what_is_loaded()
            asyncio.run(_run(app, notes))
        arguments.notes.write_text(notes.json())


if __name__ == "__main__":
    main()
