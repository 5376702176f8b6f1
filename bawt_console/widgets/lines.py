"""A pane of wrapped lines: logs, fields, JSON, diffs. It follows its end while it is there.

A line has a head (a time, a label, a sign) and a body; wrapped bodies are indented below themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bawt_console.formatting import NOTHING, Phrase, Tone, clean
from bawt_console.widgets.paint import ink, segments, text_of, width_of


@dataclass(frozen=True, slots=True)
class Line:
    """One line before wrapping.

    Attributes:
        tail: stands at the right end of the first row if there is room, else behind the body.
    """

    head: Phrase = NOTHING
    body: Phrase = NOTHING
    tail: Phrase = NOTHING

    @property
    def plain(self) -> str:
        return clean("  ".join(part.plain for part in (self.head, self.body, self.tail) if part))


@dataclass(frozen=True, slots=True)
class Row:
    """What one line of the terminal shows of a line, which is known by its number."""

    line: int
    head: Phrase
    head_width: int
    body: Text


class LinesPane(ScrollView, can_focus=True):
    """Shows lines; `follow` keeps the last one in view until a person scrolls up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", show=False),
        Binding("down,j", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home,g", "scroll_home", show=False),
        Binding("end,G", "scroll_end", show=False),
    ]
    DEFAULT_CSS = """
    LinesPane {
        height: 1fr;
        padding: 0 0 0 1;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, *, follow: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._follow = follow
        self._lines: list[Line] = []
        self._rows: list[Row] = []
        self._wraps = True
        self._wrapped_at = 0
        self._theme = ""

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)

    @property
    def plain(self) -> str:
        """All of it as text, for copying."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Replaces all lines; lines that were only added at the end leave the view where it is."""
        if self._lines == list(lines):
            return
        if self._lines and list(lines[: len(self._lines)]) == self._lines:
            self.add(lines[len(self._lines) :])
            return
        self._lines = list(lines)
        self._wrap_all()
        if self._follow:
            self._go_to_end()
        else:
            self.scroll_to(y=0, animate=False)

    def rewrite(self, lines: Sequence[Line]) -> None:
        """Replaces all lines by others of the same text, further along: the view stays where it is."""
        if self._lines == list(lines):
            return
        at_end, top = self.is_vertical_scroll_end, self.scroll_offset.y
        self._lines = list(lines)
        self._wrap_all()
        if self._follow and at_end:
            self._go_to_end()
        else:
            self.scroll_to(y=min(top, len(self._rows)), animate=False)

    def add(self, lines: Sequence[Line]) -> None:
        """Adds lines at the end."""
        at_end = self.is_vertical_scroll_end
        first = len(self._lines)
        self._lines.extend(lines)
        if not self._wrapped_at:
            return
        self._rows.extend(row for number, line in enumerate(lines, first) for row in self._wrap(number, line))
        self.virtual_size = Size(0, len(self._rows))
        self.refresh()
        if self._follow and at_end:
            self._go_to_end()

    def on_resize(self) -> None:
        if self.size.width != self._wrapped_at:
            at_end = self.is_vertical_scroll_end
            self._wrap_all()
            if self._follow and at_end:
                self._go_to_end()

    def _go_to_end(self, attempts: int = 10) -> None:
        """Scrolls down as soon as the layout has made it possible."""
        if self.show_vertical_scrollbar:
            self.scroll_to(y=self.max_scroll_y, animate=False)
        if len(self._rows) > self.size.height and self.scroll_offset.y < self.max_scroll_y and attempts:
            self.call_after_refresh(self._go_to_end, attempts - 1)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        # Rows hold the colours of the theme they were wrapped in.
        if self._wrapped_at and self.app.theme != self._theme:
            self._wrap_all()

    def _wrap_all(self) -> None:
        self._wrapped_at = self.size.width
        self._theme = self.app.theme
        if self._wrapped_at:
            self._rows = [row for number, line in enumerate(self._lines) for row in self._wrap(number, line)]
            self.virtual_size = Size(0, len(self._rows))
            self.refresh()

    def _wrap(self, number: int, line: Line) -> list[Row]:
        head_width = width_of(line.head)
        # One cell is left for the scrollbar, so that its coming does not wrap everything anew.
        room = max(10, self._wrapped_at - head_width - 1)
        body = self._body(line)
        tail = text_of(line.tail, ink(self.app)) if line.tail else None
        if tail and "\n" not in body.plain and body.cell_len + tail.cell_len + 2 <= room:
            body.append(" " * (room - body.cell_len - tail.cell_len))
            body.append_text(tail)
        elif tail:
            body.append("  ")
            body.append_text(tail)
        if not self._wraps:
            body = Text(" ").join(body.split("\n")) if "\n" in body.plain else body
            body.expand_tabs(4)
            body.truncate(room, overflow="ellipsis")
        fits = body.cell_len <= room and "\n" not in body.plain and "\t" not in body.plain
        wrapped = [body] if fits else body.wrap(self.app.console, room, tab_size=4, overflow="fold")
        indent = Phrase(((" " * head_width, Tone.PLAIN),))
        heads = (line.head, *(indent for _ in wrapped[1:]))
        return [Row(number, head, head_width, text) for head, text in zip(heads, wrapped, strict=True)]

    def _body(self, line: Line) -> Text:
        return text_of(line.body, ink(self.app))

    def _ground(self, line: int) -> Style:
        """What a line is painted on."""
        return self.rich_style

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        index = self.scroll_offset.y + y
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[index]
        base = self._ground(row.line)
        line = segments(row.head, row.head_width, ink(self.app), base)
        for segment in row.body.render(self.app.console):
            if segment.text and segment.text != "\n":
                line.append(Segment(segment.text, base + segment.style if segment.style else base))
        used = row.head_width + cell_len(row.body.plain)
        line.append(Segment(" " * max(0, width - used), base))
        return Strip(line).adjust_cell_length(width, base)
