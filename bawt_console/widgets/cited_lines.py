"""A pane of lines with a cursor on those that rest on something: sentences of summaries, refused drafts.

What they rest on is shown elsewhere; the pane says which line is meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from bawt_console.widgets.lines import Line, LinesPane


@dataclass(frozen=True, slots=True)
class CitedLine(Line):
    """A line that the cursor can stand on.

    Attributes:
        ids: the attributes it rests on.
    """

    ids: tuple[int, ...] = ()


class CitedPane(LinesPane):
    """See the module. The cursor stays on its text when the lines are replaced."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-5)", show=False),
        Binding("pagedown", "move(5)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor"}
    DEFAULT_CSS = """
    CitedPane {
        & > .lines--cursor { background: $cursor-blur; }
        &:focus > .lines--cursor { background: $cursor; }
    }
    """

    class Moved(Message):
        """The cursor stands on another line, or on none."""

        def __init__(self, pane: "CitedPane") -> None:
            super().__init__()
            self.pane = pane

        @property
        def control(self) -> "CitedPane":
            return self.pane

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._cursor = -1

    @property
    def selected(self) -> CitedLine | None:
        if not 0 <= self._cursor < len(self._lines):
            return None
        line = self._lines[self._cursor]
        return line if isinstance(line, CitedLine) else None

    def show(self, lines: Sequence[Line]) -> None:
        if self._lines == list(lines):
            return
        before, at = self.selected, self.scroll_offset.y
        super().show(lines)
        places = self._places()
        same = (n for n in places if before is not None and self._lines[n].body.plain == before.body.plain)
        kept = next(same, None)
        self._cursor = kept if kept is not None else next(iter(places), -1)
        if kept is not None:
            self.scroll_to(y=at, animate=False)
        self.post_message(self.Moved(self))
        self.call_after_refresh(self._keep_in_view)

    def move_to(self, line: int) -> None:
        """Puts the cursor on the line with this number, if it can stand there."""
        if line != self._cursor and line in self._places():
            self._cursor = line
            self.refresh()
            self.post_message(self.Moved(self))
        self._keep_in_view()

    def _places(self) -> list[int]:
        return [number for number, line in enumerate(self._lines) if isinstance(line, CitedLine)]

    def _ground(self, line: int) -> Style:
        if line == self._cursor:
            return self.rich_style + self.get_component_rich_style("lines--cursor", partial=True)
        return self.rich_style

    def _keep_in_view(self) -> None:
        rows = [number for number, row in enumerate(self._rows) if row.line == self._cursor]
        if not rows:
            return
        top, height = self.scroll_offset.y, self.size.height
        if self._cursor == next(iter(self._places()), -1):
            # What stands above the first one is its heading.
            self.scroll_to(y=max(0, rows[-1] - height + 1), animate=False)
        elif rows[0] < top:
            self.scroll_to(y=rows[0], animate=False)
        elif rows[-1] >= top + height:
            self.scroll_to(y=rows[-1] - height + 1, animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._keep_in_view)

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y
        if index < len(self._rows):
            self.move_to(self._rows[index].line)

    def action_move(self, by: int) -> None:
        places = self._places()
        if places:
            at = places.index(self._cursor) if self._cursor in places else 0
            self.move_to(places[max(0, min(at + by, len(places) - 1))])
