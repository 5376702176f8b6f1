"""A run's log: follows its end, goes anywhere in it, searches it, leaves out what matters less.

It holds the lines around where a person reads (see `log_window`); the whole is never in memory.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import Enum
from itertools import accumulate

from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.message import Message

from bawt_console.formatting import NOTHING, Phrase, Tone, phrase
from bawt_console.log_window import LogPages, LogWindow
from bawt_console.widgets.lines import Line, LinesPane, Row
from bawt_console.widgets.paint import ink
from bawt_console.widgets.run_lines import event_line, level_word, log_note
from scheduler_core.domain import EventLevel, LogExtent, Run, RunEvent
from scheduler_core.errors import SchedulerError

# What `l` goes through.
_LEVELS = tuple(EventLevel)
# Copying or opening takes no more than this.
MOST_COPIED = 200_000
COPIED_AT_ONCE = 2000


class _Go(Enum):
    """Where a person wants to be."""

    START = "start"
    END = "end"
    EARLIER = "earlier"
    LATER = "later"
    HERE = "here"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class _Found:
    """The line that a search stopped at, and how many there are."""

    event_id: int
    extent: LogExtent


class LogPane(LinesPane):
    """See the module. `load` must be called when the log may be longer, and when `Wanted` says so."""

    class Wanted(Message):
        """A person wants to see another part of the log."""

    class Told(Message):
        """What `status` says is different; `text` is for a toast, unless it is empty."""

        def __init__(self, text: str = "") -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, now: Callable[[], datetime], zone: tzinfo | None, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(follow=True, id=id)
        self._now = now
        self._zone = zone
        self._window = LogWindow()
        self._wish: _Go | None = None
        self._made: dict[int, tuple[Line, list[Row]]] = {}
        # Of the lines that are painted; the window may be ahead while a page is on its way.
        self._starts: list[int] = []
        self._ids: list[int] = []
        self._sought = ""
        self._pattern: re.Pattern[str] | None = None
        self._found: _Found | None = None

    @property
    def follows(self) -> bool:
        """Whether new lines come into view by themselves."""
        return self._follow and self._window.is_end and (self._wish is _Go.END or self._is_at_bottom)

    @property
    def sought(self) -> str:
        """What was searched for last."""
        return self._sought

    @property
    def least(self) -> EventLevel:
        """Lines that matter less are left out."""
        return self._window.least

    @property
    def status(self) -> list[Phrase]:
        """Where in the log this is and what of it is shown, most important first."""
        window = self._window
        if not window.events:
            return [self._level_phrase] if self._level_phrase else []
        told = []
        if self._found is not None:
            extent = self._found.extent
            told.append(phrase(f"/{self._sought} {extent.place:,} of {extent.lines:,}", Tone.LATE))
        if self.follows:
            told.append(phrase("following ", Tone.RUNNING) + phrase(f"{window.extent.lines:,}", Tone.MUTED))
        else:
            at = max(1, window.extent.place) + self._last_line
            told.append(phrase(f"line {at:,} of {max(at, window.extent.lines):,}", Tone.MUTED))
        told += [self._level_phrase, NOTHING if self._wraps else phrase("cut", Tone.MUTED)]
        return [each for each in told if each]

    @property
    def _level_phrase(self) -> Phrase:
        if self.least is EventLevel.DEBUG:
            return NOTHING
        above = "" if self.least is EventLevel.ERROR else " and worse"
        return phrase(f"{level_word(self.least)}{above}", Tone.SUSPICIOUS)

    # Loading

    async def load(self, pages: LogPages, run: Run | None) -> None:
        """Fetches and shows what was written since, or what a person went to.

        Raises:
            SchedulerError: the wish is kept for the next call.
        """
        wish, self._wish = self._wish, None
        if run is None or run.id != self._window.run_id:
            self._window = LogWindow(least=self.least)
            self._found, self._follow = None, True
            wish = _Go.END
        if run is not None:
            try:
                await self._grant(pages, run, wish)
            except SchedulerError:
                self._wish = self._wish or wish
                raise
        if not self._window.events:
            self._show_note(run)
        self.post_message(self.Told())

    async def _grant(self, pages: LogPages, run: Run, wish: _Go | None) -> None:
        window, held = self._window, self._window.events
        match wish:
            case _Go.END:
                await window.to_end(pages, run.id)
            case _Go.START:
                await window.to_start(pages)
            case _Go.EARLIER:
                await window.earlier(pages)
            case _Go.LATER:
                await window.later(pages)
            case _Go.HERE:
                await window.around(pages, self._top_id)
            case _Go.UP | _Go.DOWN:
                await self._find(pages, run, down=wish is _Go.DOWN)
            case None:
                await window.follow(pages)
        if wish is not None or window.events is not held or not window.extent.lines:
            self._present(wish)
            await window.count(pages)

    async def _find(self, pages: LogPages, run: Run, *, down: bool) -> None:
        window = self._window
        at = self._found.event_id if self._found is not None else self._top_id - (1 if down else 0)
        near = {"after": at} if down else {"before": at}
        found = await pages.find(run.id, self._sought, **near, least=window.least)
        if found is None and self._found is None and down:
            # A log is read at its end, so the first search goes up when there is nothing below.
            found = await pages.find(run.id, self._sought, before=at + 1, least=window.least)
        if found is None:
            where = "" if self._found is None else " below; N looks up" if down else " above; n looks down"
            self.post_message(self.Told(f"No line holds “{self._sought}”{where}."))
            return
        extent = await pages.extent(run.id, to=found, text=self._sought, least=window.least)
        self._found = _Found(found, extent)
        self._follow = False
        if not any(event.id == found for event in window.events):
            await window.around(pages, found)

    async def text(self, pages: LogPages) -> str:
        """The whole log as the level leaves it, up to `MOST_COPIED` lines, for the clipboard or a pager."""
        if self._window.run_id is None or not self._ids:
            return self.plain
        lines: list[str] = []
        after, now = 0, self._now()
        while len(lines) < MOST_COPIED:
            found = await pages.page(self._window.run_id, after=after, least=self.least, limit=COPIED_AT_ONCE)
            lines += [event_line(event, now, self._zone).plain for event in found]
            if len(found) < COPIED_AT_ONCE:
                return "\n".join(lines)
            after = found[-1].id
        return "\n".join([*lines, f"(The log goes on; these are its first {len(lines):,} lines.)"])

    # Showing

    def _show_note(self, run: Run | None) -> None:
        self._made.clear()
        self._starts, self._ids = [], []
        hidden = run is not None and self.least is not EventLevel.DEBUG
        text = "No line is that important; l shows more." if hidden else ""
        self.show([Line(body=phrase(text, Tone.MUTED)) if hidden else log_note(run)])

    def _present(self, wish: _Go | None) -> None:
        """Shows the window; the line at the top stays there unless a person went elsewhere."""
        bottom = self._follow and self._is_at_bottom
        anchor, below = self._top_id, self._below_top
        events, self._made = self._window.events, self._made_of(self._window.events)
        self._lines = [self._made[event.id][0] for event in events]
        self._ids = [event.id for event in events]
        self._spread()
        if wish is _Go.START:
            self.scroll_to(y=0, animate=False, immediate=True)
        elif wish in (_Go.UP, _Go.DOWN) and self._found is not None:
            self._bring_into_view(self._found.event_id)
        elif wish is _Go.END or (wish is None and bottom):
            self._go_to_end()
        else:
            self._scroll_back(anchor, below)

    def _made_of(self, events: list[RunEvent]) -> dict[int, tuple[Line, list[Row]]]:
        now, made = self._now(), {}
        for event in events:
            known = self._made.get(event.id)
            if known is None:
                line = event_line(event, now, self._zone)
                known = (line, self._wrap(event.id, line) if self._wrapped_at else [])
            made[event.id] = known
        return made

    def _spread(self) -> None:
        rows = [self._made[each][1] for each in self._ids]
        self._starts = [0, *accumulate(len(each) for each in rows)][:-1]
        self._rows = [row for each in rows for row in each]
        self.virtual_size = Size(0, len(self._rows))
        self.refresh()

    def _wrap_all(self) -> None:
        if not self._made:
            super()._wrap_all()
            return
        anchor, below = self._top_id, self._below_top
        self._wrapped_at, self._theme = self.size.width, self.app.theme
        if self._wrapped_at:
            self._made = {key: (line, self._wrap(key, line)) for key, (line, _) in self._made.items()}
            self._spread()
            self._scroll_back(anchor, below)

    def _body(self, line: Line) -> Text:
        body = super()._body(line)
        if self._pattern is not None:
            for match in self._pattern.finditer(body.plain):
                body.stylize(Style(reverse=True), match.start(), match.end())
        return body

    def _ground(self, line: int) -> Style:
        base = super()._ground(line)
        if self._found is None or line != self._found.event_id:
            return base
        return base + Style(bgcolor=ink(self.app)[Tone.CHOSEN].bgcolor, bold=True)

    # Where it stands

    @property
    def _is_at_bottom(self) -> bool:
        return self.scroll_offset.y >= len(self._rows) - self.size.height

    @property
    def _top_id(self) -> int:
        return self._id_at(self.scroll_offset.y)

    @property
    def _below_top(self) -> int:
        """Rows of the line at the top that are scrolled away."""
        number = self._number_at(self.scroll_offset.y)
        return self.scroll_offset.y - self._starts[number] if self._starts else 0

    @property
    def _last_line(self) -> int:
        return self._number_at(min(self.scroll_offset.y + self.size.height, len(self._rows)) - 1)

    def _id_at(self, row: int) -> int:
        return self._ids[self._number_at(row)] if self._ids else 0

    def _number_at(self, row: int) -> int:
        """Which line of the window has this row."""
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= row else (low, middle)
        return low

    def _row_of(self, event_id: int) -> int | None:
        for start, each in zip(self._starts, self._ids, strict=True):
            if each >= event_id:
                return start
        return None

    def _scroll_back(self, event_id: int, below: int) -> None:
        row = self._row_of(event_id)
        if row is not None:
            # It may have fewer rows now.
            below = min(below, len(self._made[self._id_at(row)][1]) - 1)
            self.scroll_to(y=row + below, animate=False, immediate=True)

    def _bring_into_view(self, event_id: int) -> None:
        row = self._row_of(event_id)
        if row is None:
            return
        top = self.scroll_offset.y
        if not top <= row < top + self.size.height - 1:
            self.scroll_to(y=max(0, row - self.size.height // 3), animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) == round(new_value):
            return
        if new_value < self.size.height and not self._window.is_start:
            self._want(_Go.EARLIER)
        elif new_value + 2 * self.size.height > len(self._rows) and not self._window.is_end:
            self._want(_Go.LATER)
        self.post_message(self.Told())

    def _want(self, wish: _Go) -> None:
        if self._wish is None or wish not in (_Go.EARLIER, _Go.LATER):
            self._wish = wish
            self.post_message(self.Wanted())

    # What a person does

    def toggle_follow(self) -> None:
        """Stays where it is; once more goes to the end and on with it."""
        if self.follows:
            self._follow = False
            self.post_message(self.Told())
        else:
            self.action_scroll_end()

    def step_level(self) -> None:
        """Leaves out more, and after the most everything comes back."""
        follows = self.follows
        self._window.least = _LEVELS[(_LEVELS.index(self.least) + 1) % len(_LEVELS)]
        self._found = None
        self._want(_Go.END if follows else _Go.HERE)

    def toggle_wrap(self) -> None:
        """Long lines go on below themselves, or are cut."""
        bottom = self.follows
        self._wraps = not self._wraps
        self._wrap_all()
        if bottom:
            self._go_to_end()
        self.post_message(self.Told())

    def seek(self, text: str) -> None:
        """Goes to the next line that holds the text; empty ends the search."""
        self._sought, self._found = text, None
        self._pattern = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._wrap_all()
        if text:
            self._want(_Go.DOWN)
        else:
            self.post_message(self.Told())

    def seek_again(self, *, down: bool) -> None:
        self._want(_Go.DOWN if down else _Go.UP)

    def action_scroll_home(self) -> None:
        self._follow = False
        self._want(_Go.START)

    def action_scroll_end(self) -> None:
        self._follow = True
        self._want(_Go.END)
