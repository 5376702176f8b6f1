"""What every screen shares: header, tabs and key line, one loader that never piles up, and a border that
turns every failure into a sentence instead of the end of the program."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker, get_current_worker

from bawt_console.actions import Action, Group, Place, action, actions_at
from bawt_console.command_words import EXAMPLES, completions
from bawt_console.export import Rows
from bawt_console.formatting import Tone, phrase
from bawt_console.modes import MODES
from bawt_console.screens.desk import Desk
from bawt_console.terminal import copy_text
from bawt_console.views import View
from bawt_console.widgets.command_line import CommandLine
from bawt_console.widgets.header import header_parts
from bawt_console.widgets.key_line import key_parts
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.notice import Notice
from scheduler_core.errors import DatabaseError, DatabaseUnreachableError, SchedulerError, StateError

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from bawt_console.source import Source

log = logging.getLogger(__name__)

T = TypeVar("T")

# The person moved, as opposed to the data: loads even while frozen.
VIEW = "view"
LONGEST_RETRY_SECONDS = 15.0
LONGEST_REST_SECONDS = 2.0
# After a load, for each second that it took: what is seldom read would otherwise keep half a core busy.
REST_SHARE = 2.0
# For screens that put a list and what it is about side by side where there is room.
BREAKPOINTS = ((0, "-narrow"), (140, "-wide"))


class Said(Message):
    """Something a person should read in a toast."""

    def __init__(self, text: str, *, severity: "SeverityLevel" = "information", detail: str = "") -> None:
        super().__init__()
        self.text = text
        self.detail = detail
        self.severity = severity


def spell(each: Action) -> str:
    """An action as Textual is told to run it."""
    if each.id.startswith("show_"):
        return f"app.show('{each.id.removeprefix('show_')}')"
    return f"app.{each.id}" if each.of_app else each.id


def bindings_of(place: Place) -> list[BindingType]:
    """The keys of one place, made from the registry."""
    return [
        Binding(
            ",".join(each.keys),
            spell(each),
            each.label,
            show=each.rank is not None,
            id=each.id,
            tooltip=each.help,
        )
        for each in actions_at(place)
    ]


def unexpected(error: Exception) -> SchedulerError:
    """A bug as a sentence; the trace goes to the log under the same id."""
    wrapped = SchedulerError("Something inside the console went wrong.", "The log has the details.")
    log.error("Unexpected [%s]", wrapped.error_id, exc_info=error)
    return wrapped


class LiveScreen(Screen[None]):
    """A screen that shows rows and keeps them fresh.

    Subclasses say in `kinds` which changes concern them, compose a body and implement `load`.
    """

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = "live.tcss"
    # None would be the app's "*", which may be the hidden filter; then digits no longer change the screen.
    AUTO_FOCUS: ClassVar[str | None] = ""
    place: ClassVar[Place]
    kinds: ClassVar[frozenset[str]] = frozenset({"jobs", "runs"})
    # Between two loads that nobody asked for.
    least_rest_seconds: ClassVar[float] = 0.0

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._dirty: set[str] = {VIEW, *self.kinds}
        self._wake = asyncio.Event()
        self._failures = 0
        self._never_loaded = True
        self._refusal: SchedulerError | None = None
        self._loading = False
        self._rest_until = 0.0
        self._reread = False
        self.frozen = False
        self.is_composed = False

    def compose(self) -> ComposeResult:
        yield PartsLine(id="header")
        yield PartsLine(gap=" ", id="modes")
        yield Notice(id="opening")
        with Vertical(id="body"):
            yield from self.compose_body()
        yield CommandLine(id="command")
        yield PartsLine(gap="  ", id="keys")

    def compose_body(self) -> ComposeResult:
        """The widgets between the tabs and the key line."""
        raise NotImplementedError

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        """Fetches and shows what changed; `VIEW` is among the kinds when the person moved."""
        raise NotImplementedError

    def tick(self) -> None:
        """Repaints what depends on the clock; asks nobody anything."""

    def show_generation(self) -> None:
        """Repaints what a model is writing; asks nobody anything."""

    def reason_against(self, action_id: str) -> str | None:
        """Why this screen cannot carry out an action now, as a sentence; None when it can."""
        match action_id:
            case "open":
                return "There is nothing to open here."
            case "back":
                return None if self._is_on_top else "There is nothing to go back to."
            case "copy":
                return None if self.copied() else "There is nothing to copy here."
        return None

    def focus_list(self) -> None:
        """Puts the focus where the arrow keys are wanted."""

    def copied(self) -> str:
        """What `copy` copies; empty for nothing."""
        return ""

    def narrow(self, text: str) -> None:
        """Filters the list as typed; for `:filter` and saved views.

        Raises:
            FilterError, StateError: it cannot be read, or this screen has no filter.
        """
        if text:
            raise StateError("This screen has no filter.", "Jobs and Runs have one.")

    def order_by(self, name: str) -> None:
        """Sorts the list by the name of an order; for `:sort` and saved views.

        Raises:
            StateError: there is no such order.
        """
        if name:
            raise StateError("This screen has one order only.", "Jobs can be sorted.")

    @property
    def view(self) -> View:
        """What `:save` keeps.

        Raises:
            StateError: it lies on top of a screen, and no view leads there.
        """
        if self.place not in {mode.id for mode in MODES}:
            raise StateError(
                "A view keeps one of the screens in the tabs.", f"{self.desk.key('back')} goes to one."
            )
        return View(self.place)

    @property
    def shows_all(self) -> bool:
        """Whether the list has all rows there are, and not only the first ones."""
        return True

    def exported(self) -> Rows:
        """The rows that `:export` writes.

        Raises:
            StateError: this screen has none.
        """
        raise StateError("This screen has no rows to export.", "Jobs and Runs have.")

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done here, with the keys of this person."""
        return tuple(actions_at(self.place, self.desk.keys))

    @property
    def source(self) -> "Source":
        assert self.desk.source is not None, "actions are greyed until the source is open"
        return self.desk.source

    @property
    def is_idle(self) -> bool:
        """Whether everything known to have changed has been loaded."""
        return not self._loading and not self._due()

    @property
    def is_shown(self) -> bool:
        """Whether this is what a person sees, possibly behind a dialog."""
        stack = self.app.screen_stack
        return next((screen for screen in reversed(stack) if isinstance(screen, LiveScreen)), None) is self

    @property
    def is_asking(self) -> bool:
        """Whether a dialog is above it."""
        return self.app.screen is not self

    def look_for(self, key: Hashable) -> None:
        """Puts the cursor on a row, once it is there; does nothing where there are no rows."""

    def on_mount(self) -> None:
        self.is_composed = True
        self.run_worker(self._keep_loading(), name=f"load {self.place}", exit_on_error=False)
        self.refresh_chrome()
        self._wake.set()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # Nothing of its styles has changed but by a new theme, and who changes the mode asks for that.
        event.refresh_styles = False
        self.refresh_chrome()
        self._wake.set()

    def changed(self, kinds: frozenset[str]) -> None:
        """Notes that rows of these kinds may differ now; loads if it is shown, else when it will be."""
        self._dirty |= kinds & self.kinds
        if self.is_shown:
            self._wake.set()

    def moved(self) -> None:
        """Notes that the person looks at something else."""
        self._dirty.add(VIEW)
        self._wake.set()

    def reread(self) -> None:
        """Reads anew what is shown, even while frozen, because the person changed it."""
        self._reread = True
        self._dirty |= {VIEW, *self.kinds}
        self._wake.set()

    def refresh_chrome(self) -> None:
        """Repaints what frames the body, once there is anything to paint on."""
        if self.is_composed:
            self.paint_chrome()

    def paint_chrome(self) -> None:
        """Header, tabs, key line, and the panel that stands in for the body until the source is open."""
        desk = self.desk
        self.query_one("#header", PartsLine).show(
            header_parts(desk.standing(frozen=self.frozen), desk.now(), desk.zone)
        )
        self.query_one("#modes", PartsLine).show([*self._mode_parts(), *self.mode_remarks()])
        self.query_one("#keys", PartsLine).show(key_parts(self.actions, self.why_not))
        is_open = desk.source is not None
        opening = self.query_one("#opening", Notice)
        opening.display = not is_open or self._refusal is not None
        self.query_one("#body").display = not opening.display
        self.query_one("#body").set_class(desk.stale, "-stale")
        if desk.failure is not None:
            opening.say_error(desk.failure, desk.way("reconnect", "try again    ") + desk.way("quit", "quit"))
        elif self._refusal is not None:
            opening.say_error(self._refusal, phrase("It is tried again by itself.", Tone.MUTED))
        elif not is_open:
            opening.say(phrase(desk.opening, Tone.STRONG), [phrase("This takes a few seconds.", Tone.MUTED)])

    def mode_remarks(self) -> list[Part]:
        """What stands at the right of the tabs."""
        return []

    def _mode_parts(self) -> list[Part]:
        parts = []
        keys = {each.id: each.key for each in self.actions}
        for number, mode in enumerate(MODES):
            name = f"show_{mode.id}"
            if mode.id == self.place:
                look = phrase(f" {keys[name]} {mode.title} ", Tone.CHOSEN)
                parts.append(Part(phrase=look, keep=100, name=name))
                continue
            key = phrase(f" {keys[name]} ", Tone.ACCENT)
            look = key + phrase(f"{mode.title} ", Tone.MUTED)
            parts.append(Part(phrase=look, short=key, keep=90 - number, name=name))
        return parts

    # Loading

    async def _keep_loading(self) -> None:
        worker = get_current_worker()
        while not worker.is_cancelled:
            await self._wake.wait()
            self._wake.clear()
            kinds = self._due()
            source = self.desk.source
            if not kinds or source is None:
                continue
            if self._rests(kinds):
                continue
            self._dirty -= kinds
            self._reread = False
            self._loading, began = True, time.monotonic()
            try:
                await self.load(kinds, source)
            except SchedulerError as error:
                self._dirty |= kinds
                self._retry_later(error)
            except Exception as error:  # noqa: BLE001 - a border: no bug in loading may end the console
                self._retry_later(unexpected(error))
            else:
                self._failures = 0
                now = time.monotonic()
                rest = min(LONGEST_REST_SECONDS, REST_SHARE * (now - began))
                # A look at another row takes no rest away.
                self._rest_until = max(self._rest_until, now + max(self.least_rest_seconds, rest))
                was_refused, self._never_loaded, self._refusal = self._refusal is not None, False, None
                self.refresh_chrome()
                if was_refused:
                    self.focus_list()
            finally:
                self._loading = False

    def _rests(self, kinds: frozenset[str]) -> bool:
        """Whether this can wait: where rows change without end, a screen that loads all the time would leave
        nothing to the person at it. What a person did or wants to see never waits."""
        left = 0.0 if VIEW in kinds or self._reread else self._rest_until - time.monotonic()
        if left > 0:
            self.set_timer(left, self._wake.set)
        return left > 0

    def _due(self) -> frozenset[str]:
        if not self.is_shown:
            return frozenset()
        return frozenset(self._dirty & {VIEW} if self.frozen and not self._reread else self._dirty)

    def _retry_later(self, error: SchedulerError) -> None:
        # Of a lost connection the header tells already, every second.
        if self._failures == 0 and not isinstance(error, DatabaseUnreachableError):
            self.post_message(Said(error.title, detail=_detail(error), severity="error"))
        log.warning("Loading %s failed [%s]: %s", self.place, error.error_id, error.title)
        if self._never_loaded and isinstance(error, DatabaseError):
            # Without a word that stays, this would look like a database that holds nothing.
            self._refusal = error
            self.refresh_chrome()
        self.set_timer(min(2.0**self._failures, LONGEST_RETRY_SECONDS), self._wake.set)
        self._failures += 1

    # Acting

    def act(self, work: Callable[[], Awaitable[str]]) -> Worker[None]:
        """Does something in the background and says in a toast what came of it, unless that is empty.

        It goes on when this screen is left, and it may leave it. What is returned can cancel it.
        """
        return self.app.run_worker(self._act(work), group="act", exit_on_error=False)

    async def _act(self, work: Callable[[], Awaitable[str]]) -> None:
        try:
            done = await work()
            if done:
                self.tell(done)
        except SchedulerError as error:
            if error.has_more_in_log:
                log.warning("An action failed [%s]: %s", error.error_id, error.title)
            self.complain(error)
        except Exception as error:  # noqa: BLE001 - a border: no bug in an action may end the console
            self.complain(unexpected(error))

    def complain(self, error: SchedulerError) -> None:
        """Says in a toast what was wrong with something that the person asked for."""
        self.app.post_message(Said(error.title, detail=_detail(error), severity="error"))

    def tell(self, text: str) -> None:
        """Says something in a toast."""
        self.app.post_message(Said(text))

    def refuse(self, reason: str) -> None:
        """Says why something cannot be done now."""
        self.app.post_message(Said(reason, severity="warning"))

    def why_not_act(self) -> str | None:
        """Why nothing at all can be changed now; None when things can."""
        if self.desk.source is None:
            return "The database is not open yet."
        if self.desk.source.read_only:
            return "This console is read-only."
        return "There is no connection to the database right now." if self.desk.stale else None

    def why_not(self, action_id: str) -> str | None:
        """Why an action cannot be carried out now; None when it can."""
        each: Action = action(action_id)
        if action_id == "reconnect":
            return None if self.desk.failure is not None else "Nothing failed to open."
        if each.of_app or (action_id == "command" and self.desk.source is not None):
            return None
        if self.desk.source is None:
            return "The database is not open yet."
        if each.group is Group.ACT:
            reason = self.why_not_act() or self.desk.source.refusal(action_id)
            if reason is not None:
                return reason
        return self.reason_against(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if any(each.id == action and not each.of_app for each in actions_at(self.place)):
            return True if self.why_not(action) is None else None
        return True

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.focused, Input):
            # Whoever types means the text, not the list behind it.
            return
        for each in self.actions:
            reason = self.why_not(each.id) if event.key in each.keys else None
            if reason is not None and not each.of_app:
                event.stop()
                self.refuse(reason)

    async def on_parts_line_clicked(self, event: PartsLine.Clicked) -> None:
        each = action(event.name)
        reason = self.why_not(each.id)
        if reason is not None:
            self.refuse(reason)
        else:
            await self.app.run_action(spell(each), self)

    def action_open(self) -> None:
        """Screens with something to open say what."""

    def action_back(self) -> None:
        if self._is_on_top:
            self.app.pop_screen()

    @property
    def _is_on_top(self) -> bool:
        return len(self.app.screen_stack) > 1

    def action_command(self, text: str = "") -> None:
        jobs, bots = self.known_names()
        commands = completions(
            self.actions, jobs=jobs, bots=bots, views=self.desk.views.names(), things=self.known_things()
        )
        self.query_one(CommandLine).open(commands, list(EXAMPLES.values()), text=text)

    def known_names(self) -> tuple[list[str], list[str]]:
        """Jobs and bots to complete commands with."""
        return [], []

    def known_things(self) -> list[str]:
        """What `open` could open here, besides jobs and runs."""
        return []

    def on_command_line_left(self) -> None:
        self.focus_list()

    def action_freeze(self) -> None:
        self.frozen = not self.frozen
        self.refresh_chrome()
        self._wake.set()

    async def whole_text(self) -> str:
        """What `copy` takes; screens that show a part of something long give the whole."""
        return self.copied()

    def action_copy(self) -> None:
        async def copy() -> str:
            text = await self.whole_text()
            if not text:
                return "There is nothing to copy here."
            where = await copy_text(text, through_terminal=self.app.copy_to_clipboard)
            return f"Copied {len(text):,} characters {where}."

        self.act(copy)


def _detail(error: SchedulerError) -> str:
    return f"{error.hint}  (error {error.error_id})".strip() if error.has_more_in_log else error.hint
