"""The terminal application: themes, modes, and the one connection all screens look through.

It paints before it connects. It runs no jobs and holds no rows; leaving it is quick, and closing what was
opened is left to `run_console`.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, tzinfo
from functools import partial
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.message import Message
from textual.widgets._toast import Toast, ToastHolder

from bawt_console.brief import headline
from bawt_console.collector import LOOK_SECONDS, Sweeper
from bawt_console.formatting import clean, utc_now
from bawt_console.keymap import Keymap
from bawt_console.keystrokes import Keystrokes
from bawt_console.modes import MODES, Mode, Place, load_screens
from bawt_console.screens.commanding import obey, show_brief
from bawt_console.screens.desk import Desk
from bawt_console.screens.help import HelpScreen
from bawt_console.screens.live import LiveScreen, Said, unexpected
from bawt_console.screens.outside import is_lent
from bawt_console.screens.palette import ActionsOfScreen
from bawt_console.screens_ahead import ScreensAhead
from bawt_console.views import Views
from bawt_console.widgets.command_line import CommandLine
from bawt_console.widgets.continuing import repaint_when_continued
from bawt_console.widgets.frames import paint_sooner
from bawt_console.widgets.strips import let_lines_go
from bawt_console.widgets.themes import NIGHT, THEMES, said_of
from scheduler_core.errors import SchedulerError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.notifications import SeverityLevel

    from bawt_console.source import Source

log = logging.getLogger(__name__)

Opener = Callable[[], AbstractAsyncContextManager["Source"]]

# A node that dies says nothing, so the few rows of nodes are asked for now and then.
NODES_EVERY_SECONDS = 10.0
# After the database answered; the first rows are there by then.
AFTER_FIRST_ROWS_SECONDS = 0.5


class CannotStartError(Exception):
    """Raised by an opener: the console has nothing to show and ends with the cause of this."""


def _styles() -> list[str | PurePath]:
    """The styles of every screen; first what all share."""
    found = (Path(__file__).parent / "screens").glob("*.tcss")
    return [*sorted(found, key=lambda path: (path.stem != "live", path.stem))]


class ConsoleApp(App[int]):
    """The console.

    Args:
        opener: opens the source; entered after the first paint, left when the app is over. What it raises is
            shown, but for `CannotStartError`.
        now, zone: the clock and the time zone of everything shown; the machine's own by default.
        tick: seconds between repaints of countdowns; None for none.
        keymap: other keys than the actions' own.
        views: where views are saved.
        open_at: what to show first, as `:open` has it, such as `run:7f3c`.
    """

    # All at once: the library parses every style again for each one that comes later, which is a stall.
    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = _styles()
    TITLE = "bawt console"
    DEFAULT_MODE = "jobs"
    # The library's own way to it is a second key that no keymap changes.
    ENABLE_COMMAND_PALETTE = False
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionsOfScreen}
    NOTIFICATION_TIMEOUT = 4
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", show=False, priority=True)]

    class Opening(Message):
        """The start goes on: what it is doing now."""

        def __init__(self, doing: str) -> None:
            super().__init__()
            self.doing = doing

    def __init__(
        self,
        opener: Opener,
        *,
        now: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
        tick: float | None = 1.0,
        keymap: Keymap | None = None,
        views: Views | None = None,
        open_at: str = "",
    ) -> None:
        super().__init__()
        let_lines_go()
        paint_sooner()
        self._keymap_read = keymap or Keymap()
        self.desk = Desk(now=now, zone=zone, keys=self._keymap_read.keys, views=views or Views())
        self._open_at = open_at
        self._opener = opener
        self._tick_seconds = tick
        self._leaving = asyncio.Event()
        self._is_whole = False
        self._exiting: asyncio.Task[None] | None = None
        self._session: asyncio.Task[None] | None = None
        self.sweeper = Sweeper()
        self._ahead = ScreensAhead(make=self._init_mode, is_quiet=self.sweeper.is_quiet)
        self._keystrokes = Keystrokes(self, super().on_event)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = NIGHT.name
        # Movement costs bytes over SSH, and what is loaded while a pane still glides would land elsewhere.
        self.animation_level = "none"
        for mode in MODES:
            self.add_mode(mode.id, partial(self._screen_of, mode))

    def say(self, doing: str) -> None:
        """Tells what the start is doing, from any thread; for the opener."""
        self.post_message(self.Opening(doing))

    def exit(
        self, result: int | None = None, return_code: int = 0, message: "RenderableType | None" = None
    ) -> None:
        """Ends it, once no screen is half made: from then on the library makes no widgets, and a screen would
        ask for some that are not there."""
        if self._ahead.is_making:
            self._exiting = asyncio.create_task(self._exit_when_made(result, return_code, message))
        else:
            super().exit(result, return_code, message)

    async def _exit_when_made(self, result: int | None, code: int, message: "RenderableType | None") -> None:
        await self._ahead.end()
        super().exit(result, code, message)

    async def _shutdown(self) -> None:
        # Also where nobody said `exit`, such as when it is cancelled from outside.
        await self._ahead.end()
        await super()._shutdown()

    async def aclose(self) -> None:
        """Leaves what the opener opened, and waits for that. For after the app has ended.

        Raises:
            Exception: why it could not start at all.
        """
        self._leaving.set()
        session = self._session
        if session is None:
            return
        if self.desk.source is None:
            # It is still opening; nobody waits for that any more.
            session.cancel()
        await asyncio.wait({session})
        if not session.cancelled():
            session.result()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self.sweeper.used()
        if isinstance(event, events.Key) and not self.is_running:
            # The screens are being taken away; there is none that it could be meant for.
            return
        if isinstance(event, events.Key) and is_lent(self) and event.key != "ctrl+q":
            # Typed while a pager was waited for, and meant for that.
            return
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self._keystrokes.take(event)
        else:
            await super().on_event(event)

    async def on_trail(self) -> None:
        if self.is_running:
            # Later there is no screen to follow the keys to.
            await self._keystrokes.arrived()

    def on_mount(self) -> None:
        if self._tick_seconds is not None:
            self.set_interval(self._tick_seconds, self._tick)
            self.set_interval(LOOK_SECONDS, self.sweeper.tick)
        repaint_when_continued(self)
        self.set_keymap({name: ",".join(keys) for name, keys in self.desk.keys.items()})
        if self._keymap_read.complaints:
            self._toast(clean("\n".join(self._keymap_read.complaints), limit=600), "warning", 15)
        self.call_after_refresh(self._open)

    # The session: one task enters the opener and leaves it, because what it holds is bound to its task.

    def _open(self) -> None:
        if self._session is None or self._session.done():
            self.desk.failure = None
            self._session = asyncio.create_task(self._hold(), name="console session")
            self._refresh()

    async def _hold(self) -> None:
        try:
            async with self._opener() as source:
                self.desk.source = source
                self._changed(frozenset({"jobs", "runs", "events", "nodes", "profiles", "memories"}))
                if self._open_at and (shown := self._shown) is not None:
                    self._open_at, target = "", self._open_at
                    obey(shown, f"open {target}")
                else:
                    self.run_worker(self._offer_brief(source), group="brief", exit_on_error=False)
                self.run_worker(self._load_screens(), group="screens", exit_on_error=False)
                await self._watch(source)
        except CannotStartError as error:
            self.exit()
            raise error.__cause__ or error from None
        except SchedulerError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a border: the screen shows it and offers another try
            self._failed(unexpected(error))
        finally:
            self.desk.source = None

    async def _load_screens(self) -> None:
        await asyncio.sleep(AFTER_FIRST_ROWS_SECONDS)
        await asyncio.to_thread(load_screens)
        if self._tick_seconds is not None:
            await self._ahead.run()

    async def _watch(self, source: "Source") -> None:
        """Passes changes on until the app is over."""
        watching = asyncio.create_task(self._follow(source), name="console changes")
        nodes = asyncio.create_task(self._keep_nodes(source), name="console nodes")
        reading = asyncio.create_task(self._read_along(source), name="console generations")
        over = asyncio.create_task(self._leaving.wait(), name="console closing")
        tasks = (watching, nodes, reading, over)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, source: "Source") -> None:
        async for kinds in source.changes():
            self._changed(kinds)

    async def _read_along(self, source: "Source") -> None:
        async for _ in source.generations.changes():
            shown = self._shown
            if self.is_running and shown is not None and shown.is_composed and not shown.frozen:
                shown.show_generation()

    async def _keep_nodes(self, source: "Source") -> None:
        while True:
            await asyncio.sleep(NODES_EVERY_SECONDS)
            await self._fetch_nodes(source)

    def _failed(self, error: SchedulerError) -> None:
        log.error("The console could not open its source [%s]: %s", error.error_id, error.title)
        self.desk.source = None
        self.desk.failure = error
        if self.is_running and not self._leaving.is_set():
            self._refresh()

    def _changed(self, kinds: frozenset[str]) -> None:
        if not self.is_running:
            return
        for screen in self._live_screens():
            screen.changed(kinds)
        if "nodes" in kinds and self.desk.source is not None:
            self.run_worker(self._fetch_nodes(self.desk.source), group="nodes", exit_on_error=False)
        self._refresh()

    async def _fetch_nodes(self, source: "Source") -> None:
        with contextlib.suppress(SchedulerError):
            self.desk.nodes = tuple(await source.nodes())
            self._refresh()

    async def _offer_brief(self, source: "Source") -> None:
        """Says in a toast, once, that something happened since the last visit."""
        last = source.last_visit
        if last is None:
            return
        # It counts much, and the first rows come first.
        await asyncio.sleep(AFTER_FIRST_ROWS_SECONDS)
        if self._shown is not None and self._shown.place is Place.BRIEF:
            return
        with contextlib.suppress(SchedulerError):
            brief = await source.brief(last)
            if not brief.is_calm:
                said = headline(brief, last_visit=last, zone=self.desk.zone).plain
                self._toast(
                    clean(f"{said}\n{self.desk.key('brief')} shows the brief.", limit=600), "warning", 20
                )

    # Showing

    def _live_screens(self) -> list[LiveScreen]:
        return [
            screen
            for stack in self._screen_stacks.values()
            for screen in stack
            if isinstance(screen, LiveScreen)
        ]

    @property
    def _shown(self) -> LiveScreen | None:
        screens = [screen for screen in self.screen_stack if isinstance(screen, LiveScreen)]
        return screens[-1] if screens else None

    def _refresh(self) -> None:
        if self.is_running and (shown := self._shown) is not None:
            shown.refresh_chrome()

    def _tick(self) -> None:
        # While the console closes, its screens lose their widgets one by one.
        shown = self._shown if self.is_running else None
        if shown is not None:
            shown.refresh_chrome()
            if shown.is_composed and self.desk.source is not None and not shown.frozen:
                shown.tick()

    def on_console_app_opening(self, event: Opening) -> None:
        self.desk.opening = event.doing
        self._refresh()

    def on_said(self, event: Said) -> None:
        text = clean(event.text if not event.detail else f"{event.text}\n{event.detail}", limit=600)
        self._toast(text, event.severity, 10 if event.severity == "error" else self.NOTIFICATION_TIMEOUT)

    def _toast(self, text: str, severity: "SeverityLevel", timeout: float) -> None:
        """Shows a notice in place of the one before; only an error stays beside the newest notice."""
        error = severity == "error"
        for each in list(self._notifications):
            if error or each.severity != "error":
                self._unnotify(each, refresh=False)
        self._clear_toasts()
        self.notify(text, severity=severity, timeout=timeout, markup=False)

    def _clear_toasts(self) -> None:
        """Takes notices away that are over, on every screen: the library takes away what is inside its
        holders and leaves those, one more for each notice that another took the place of."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                for holder in screen.query(ToastHolder):
                    toasts = holder.query(Toast)
                    if not any(each._notification in self._notifications for each in toasts):
                        holder.remove()

    def on_command_line_given(self, event: CommandLine.Given) -> None:
        shown = self._shown
        if shown is not None:
            obey(shown, event.command)

    # Actions

    def _screen_of(self, mode: Mode) -> LiveScreen:
        module, _, name = mode.screen.partition(":")
        screen: LiveScreen = getattr(import_module(module), name)(self.desk)
        # Its styles are the newest. The library would parse all of them twice before it shows a new screen.
        screen._css_update_count = self._css_update_count
        return screen

    async def action_show(self, mode: str) -> None:
        """Goes to the list of a mode, away from whatever was left open there."""
        if self.current_mode != mode:
            await self._ahead.made(mode)
            if mode not in self._screen_stacks:
                # It is being left.
                return
            # With others on top of it, what is shown first is not what stays.
            self._is_whole = len(self._screen_stacks[mode]) == 1
            try:
                await self.switch_mode(mode)
            finally:
                self._is_whole = False
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    def delay_update(self, delay: float = 0.05) -> None:
        """Called when the mode changes: the library hides for so long how a new screen comes together, but
        here it is whole."""
        if not self._is_whole:
            super().delay_update(delay)

    def action_brief(self) -> None:
        if (shown := self._shown) is not None and self.desk.source is not None:
            show_brief(shown)

    def action_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self._toast(f"Theme: {said_of(self.theme)}.", "information", 2)

    def action_palette(self) -> None:
        # Without the id that the library gives it: one may still be there below a screen that came later.
        if isinstance(self.screen, LiveScreen):
            self.push_screen(CommandPalette())

    def action_help(self) -> None:
        shown = self._shown
        if shown is not None:
            self.push_screen(HelpScreen(shown.place, self.desk.keys))

    def action_reconnect(self) -> None:
        if self.desk.failure is not None:
            self._open()

    async def action_quit(self) -> None:
        self.exit(0)


async def run_console(app: ConsoleApp) -> int:
    """Runs the app on the terminal, then leaves what its opener opened.

    SIGTERM and SIGHUP end it as `q` does. Closing is not limited in time here; whoever embeds a scheduler
    says on stderr that it stops.

    Returns:
        the exit code: 0, what the app ended with, or that of the error that kept the source closed.

    Raises:
        asyncio.CancelledError: when cancelled from outside, after everything was closed.
        Exception: what the opener could not start with.
    """
    loop = asyncio.get_running_loop()
    handled = []
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError, ValueError):
            loop.add_signal_handler(number, app.exit, 0)
            handled.append(number)
    try:
        with app.sweeper.sweeping():
            await app.run_async()
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
        await app.aclose()
    # Textual returns quietly when it is cancelled; the cancellation must not be lost.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    failure = app.desk.failure
    return app.return_code or (0 if failure is None else failure.exit_code)
