"""A live table: rows are values with a key, cells are painted only where they are seen.

New rows replace old ones at once; the cursor stays on its key and the view on the cursor. With a width
too small for all columns the least important ones go. It never sorts, fetches or measures text it does
not show, apart from columns that ask to be as wide as their content.
"""

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bawt_console.formatting import NOTHING, Phrase, Tone, utc_now
from bawt_console.widgets.columns import GAP, Column, fitted
from bawt_console.widgets.paint import Ink, ink, segments

T = TypeVar("T")

# Lines kept as they were painted; most rows look the same a second later.
MOST_LINES = 200


class LiveTable(ScrollView, Generic[T], can_focus=True):
    """See the module.

    Args:
        columns: from left to right.
        key: what identifies a row.
        now: the clock cells are painted with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "first", show=False),
        Binding("end,G", "last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--head", "table--cursor"}
    DEFAULT_CSS = """
    LiveTable {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .table--head { color: $tone-faint; }
        & > .table--cursor { background: $cursor-blur; }
        &:focus > .table--cursor { background: $cursor; }
    }
    """

    class Moved(Message):
        """The cursor stands on another row, or on none."""

        def __init__(self, table: "LiveTable[Any]") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "LiveTable[Any]":
            return self.table

    class Opened(Message):
        """A row was double-clicked."""

        def __init__(self, table: "LiveTable[Any]") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "LiveTable[Any]":
            return self.table

    class HeadClicked(Message):
        """The title of a column was clicked."""

        def __init__(self, table: "LiveTable[Any]", title: str) -> None:
            super().__init__()
            self.table = table
            self.title = title

        @property
        def control(self) -> "LiveTable[Any]":
            return self.table

    class Marked(Message):
        """Rows were marked, or are no longer."""

        def __init__(self, table: "LiveTable[Any]") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "LiveTable[Any]":
            return self.table

    class NearEnd(Message):
        """The last rows are in view; there may be more to load."""

        def __init__(self, table: "LiveTable[Any]") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "LiveTable[Any]":
            return self.table

    def __init__(
        self,
        columns: Sequence[Column[T]],
        *,
        key: Callable[[T], Hashable],
        now: Callable[[], datetime] = utc_now,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._key = key
        self._now = now
        self._rows: tuple[T, ...] = ()
        self._cursor = 0
        self._marks: frozenset[Hashable] = frozenset()
        self._painted: dict[int, Strip] = {}
        self._naturals: tuple[int, ...] = ()
        self._texts = [column.natural for column in columns if column.natural]
        # By which object a row is, and that is kept beside, so that no other one gets its number.
        self._widths: dict[int, tuple[T, tuple[int, ...]]] = {}
        self._fitted: tuple[int, tuple[int, ...], tuple[int, ...]] | None = None
        self._styles: Ink | None = None
        self._lines: LRUCache[Hashable, Strip] = LRUCache(MOST_LINES)

    @property
    def rows(self) -> tuple[T, ...]:
        return self._rows

    @property
    def cursor(self) -> int:
        """Index of the row the cursor stands on; 0 also when there is none."""
        return self._cursor

    @property
    def selected(self) -> T | None:
        return self._rows[self._cursor] if self._rows else None

    @property
    def marks(self) -> frozenset[Hashable]:
        """The keys of marked rows; a mark stays while its row is filtered away."""
        return self._marks

    def mark(self) -> None:
        """Marks the row under the cursor, or takes its mark away, and goes on to the next one."""
        if self.selected is not None:
            self._set_marks(self._marks ^ {self._key(self.selected)})
            self.move_to(self._cursor + 1)

    def mark_all(self) -> None:
        """Marks every row shown; where all are marked, takes all marks away."""
        shown = frozenset(self._key(row) for row in self._rows)
        self._set_marks(frozenset() if shown <= self._marks else self._marks | shown)

    def unmark_all(self) -> None:
        self._set_marks(frozenset())

    def _set_marks(self, marks: frozenset[Hashable]) -> None:
        if marks != self._marks:
            self._marks = marks
            self.refresh()
            self.post_message(self.Marked(self))

    def show(self, rows: Sequence[T]) -> None:
        """Replaces all rows. The cursor stays on its key, or near its place when the key is gone."""
        before = self.selected
        rows = tuple(rows)
        if rows == self._rows:
            return
        old = self._cursor
        place = old
        if before is not None:
            wanted = self._key(before)
            place = next((n for n, row in enumerate(rows) if self._key(row) == wanted), old)
        before_rows, self._rows = self._rows, rows
        self._cursor = max(0, min(place, len(rows) - 1))
        naturals = self._measure()
        if (self._cursor, naturals, len(rows)) == (old, self._naturals, len(before_rows)):
            self._repaint_changed(before_rows)
            self._tell_if_moved(before)
            return
        self._naturals = naturals
        self._painted.clear()
        self.virtual_size = Size(0, len(rows) + 1)
        if self.scroll_offset.y > 0 and self._cursor != old:
            self.scroll_to(y=self.scroll_offset.y + self._cursor - old, animate=False)
        self.refresh()
        self.call_after_refresh(self._keep_in_view)
        self._tell_if_moved(before)

    def _tell_if_moved(self, before: T | None) -> None:
        if (None if before is None else self._key(before)) != (
            None if self.selected is None else self._key(self.selected)
        ):
            self.post_message(self.Moved(self))

    def _repaint_changed(self, before: Sequence[T]) -> None:
        """Repaints the lines in view whose row is another one; painting is what costs."""
        top = self.scroll_offset.y
        for index in range(top, min(top + self.size.height, len(self._rows))):
            if self._rows[index] != before[index]:
                self._repaint_row(index)

    def _repaint_row(self, index: int) -> None:
        y = index - self.scroll_offset.y + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def tick(self) -> None:
        """Repaints the lines in view that look different now."""
        for y in range(1, min(self.size.height, len(self._rows) + 1)):
            if self._line(y) != self._painted.get(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def move_to(self, index: int) -> None:
        """Puts the cursor on a row; clamps to the rows there are."""
        place = max(0, min(index, len(self._rows) - 1))
        if place != self._cursor:
            self._repaint_row(self._cursor)
            self._cursor = place
            self._repaint_row(place)
            self.post_message(self.Moved(self))
        self._keep_in_view()

    def find(self, key: Hashable) -> bool:
        """Puts the cursor on the row with this key; False when there is none."""
        for number, row in enumerate(self._rows):
            if self._key(row) == key:
                self.move_to(number)
                return True
        return False

    def render_line(self, y: int) -> Strip:
        strip = self._line(y)
        self._painted[y] = strip
        return strip

    def _line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if y == 0:
            head = base + self.get_component_rich_style("table--head", partial=True)
            return self._strip(Column.head, head)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._rows):
            return Strip.blank(width, base)
        if index == self._cursor:
            base = base + self.get_component_rich_style("table--cursor", partial=True)
        row, now = self._rows[index], self._now()

        def content(column: Column[T], cells: int) -> Phrase:
            return column.content(row, now, cells)

        return self._strip(content, base, marked=bool(self._marks) and self._key(row) in self._marks)

    def _strip(
        self, content: Callable[[Column[T], int], Phrase], base: Style, *, marked: bool = False
    ) -> Strip:
        width = self.size.width
        widths = self._fit(width - 2)
        told = tuple(
            content(column, cells) if cells else NOTHING
            for column, cells in zip(self._columns, widths, strict=True)
        )
        styles = ink(self.app)
        if styles is not self._styles:
            # Another theme.
            self._styles = styles
            self._lines.clear()
        look = (told, width, widths, base, marked)
        strip = self._lines.get(look)
        if strip is None:
            line = self._painted_anew(told, widths, styles, base, marked=marked)
            strip = self._lines[look] = Strip(line).adjust_cell_length(width, base)
        return strip

    def _painted_anew(
        self, told: Sequence[Phrase], widths: Sequence[int], styles: Ink, base: Style, *, marked: bool
    ) -> list[Segment]:
        line = [Segment("▪", base + styles[Tone.ACCENT]) if marked else Segment(" ", base)]
        for column, each, cells in zip(self._columns, told, widths, strict=True):
            if cells:
                line.extend(segments(each, cells, styles, base, right=column.right))
                line.append(Segment(" " * GAP, base))
        return line

    def _measure(self) -> tuple[int, ...]:
        """The widest cell of each column. Of a thousand rows few are new when they are shown again."""
        known, self._widths = self._widths, {}
        for row in self._rows:
            before = known.get(id(row))
            self._widths[id(row)] = before or (row, self._widths_of(row))
        widest = map(max, zip(*(widths for _, widths in self._widths.values()), strict=True))
        return tuple(next(widest, 0) if column.natural else 0 for column in self._columns)

    def _widths_of(self, row: T) -> tuple[int, ...]:
        """Of the columns that ask to be as wide as their content."""
        return tuple([cell_len(natural(row)) for natural in self._texts])

    def _fit(self, room: int) -> tuple[int, ...]:
        """The width of each column, 0 for those that do not fit."""
        if self._fitted is None or self._fitted[:2] != (room, self._naturals):
            self._fitted = (room, self._naturals, fitted(self._columns, self._naturals, room))
        return self._fitted[2]

    def _keep_in_view(self) -> None:
        height = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)
        if self._rows and self._cursor >= len(self._rows) - height:
            self.post_message(self.NearEnd(self))

    def on_resize(self) -> None:
        self._keep_in_view()

    def on_mouse_scroll_down(self) -> None:
        if self.scroll_offset.y + 2 * self.size.height >= len(self._rows):
            self.post_message(self.NearEnd(self))

    def _title_at(self, x: int) -> str:
        """The title of the column at a cell of the head; empty between columns and behind the last."""
        at = 1
        for column, width in zip(self._columns, self._fit(self.size.width - 2), strict=True):
            if width and at <= x < at + width:
                return column.title
            at += width + GAP if width else 0
        return ""

    def on_click(self, event: events.Click) -> None:
        if event.y == 0 and (title := self._title_at(event.x)):
            self.post_message(self.HeadClicked(self, title))
        index = self.scroll_offset.y + event.y - 1
        if event.y >= 1 and index < len(self._rows):
            self.move_to(index)
            if event.chain == 2:
                self.post_message(self.Opened(self))

    def action_move(self, rows: int) -> None:
        self.move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        self.move_to(self._cursor + pages * max(1, self.size.height - 2))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self._rows) - 1)
