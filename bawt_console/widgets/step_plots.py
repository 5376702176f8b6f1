"""Plots below each other over one axis of time, with one cursor through all of them.

It draws letters itself: four plots on a large screen take under 10 ms and one on a small screen 3, where a
plotting library takes thirty and more for each. It measures nothing and knows no runs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from bawt_console.formatting import Tone, phrase
from bawt_console.widgets.bars import EMPTY, Cell, Plot, cells_of, edges, row_of
from bawt_console.widgets.paint import Ink, ink, segments

GUTTER = 9
AXIS_ROWS = 2
# With its title a plot beside the chosen one has this many rows, and the chosen one at least so many.
ASIDE_ROWS = 5
CHOSEN_ROWS = 8
_TICKS = tuple(timedelta(minutes=each) for each in (5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440))
_DAY = timedelta(days=1)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class StepPlots(Widget):
    """Shows the chosen plot, and the others beside it as far as there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"plots--cursor"}
    DEFAULT_CSS = """
    StepPlots {
        height: 1fr;
        & > .plots--cursor { background: $cursor; }
    }
    """

    class Pointed(Message):
        """A step was clicked."""

        def __init__(self, plots: "StepPlots", step: int) -> None:
            super().__init__()
            self.plots = plots
            self.step = step

        @property
        def control(self) -> "StepPlots":
            return self.plots

    def __init__(self, *, zone: tzinfo | None, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._zone = zone
        self._plots: tuple[Plot, ...] = ()
        self._chosen = 0
        self._starts: tuple[datetime, ...] = ()
        self._step = timedelta(minutes=1)
        self._cursor = 0
        self._lines: list[tuple[Plot, int, int]] = []
        self._columns: dict[tuple[int, int], list[list[Cell]]] = {}

    def show(
        self, plots: Sequence[Plot], *, chosen: int, starts: Sequence[datetime], step: timedelta
    ) -> None:
        """Replaces everything but the cursor.

        Args:
            chosen: the plot that is shown in any case.
            starts: when each step begins; one a bar.
        """
        wanted = (tuple(plots), chosen, tuple(starts), step)
        if wanted != (self._plots, self._chosen, self._starts, self._step):
            self._plots, self._chosen, self._starts, self._step = wanted
            self._lay_out()

    def point_at(self, step: int) -> None:
        """Puts the cursor on a step."""
        if step != self._cursor:
            self._cursor = step
            self.refresh()

    @property
    def are_all_shown(self) -> bool:
        """Whether there is room for more than the chosen plot."""
        room = self.size.height - AXIS_ROWS - CHOSEN_ROWS
        return room >= ASIDE_ROWS * (len(self._plots) - 1)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        """Decides which line belongs to which plot."""
        self._columns.clear()
        self._lines = []
        room = self.size.height - AXIS_ROWS
        shown = range(len(self._plots)) if self.are_all_shown else range(self._chosen, self._chosen + 1)
        aside = max(ASIDE_ROWS, room // (len(self._plots) + 1)) if len(shown) > 1 else 0
        for number in shown:
            if number >= len(self._plots):
                continue
            lines = room - aside * (len(shown) - 1) if number == self._chosen else aside
            # A plot alone needs no title: the screen says which one it is.
            rows, first = (lines - 1, 0) if len(shown) > 1 else (lines, 1)
            self._lines += [(self._plots[number], line, rows) for line in range(first, rows + 1)]
        self.refresh()

    # Painting

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if not self._starts or width < GUTTER + 10:
            return Strip.blank(width, base)
        if y < len(self._lines):
            plot, line, rows = self._lines[y]
            if line == 0:
                is_chosen = plot is self._plots[self._chosen]
                title = phrase(plot.title, Tone.STRONG if is_chosen else Tone.MUTED)
                filled = segments(phrase(" ") + title + phrase("   ") + plot.key, width, ink(self.app), base)
                return Strip(filled).adjust_cell_length(width, base)
            return self._plot_line(plot, rows - line, rows)
        if y == len(self._lines):
            return self._axis_line()
        return self._time_line() if y == len(self._lines) + 1 else Strip.blank(width, base)

    @property
    def _room(self) -> int:
        return self.size.width - GUTTER - 1

    @property
    def _edges(self) -> list[int]:
        return edges(len(self._starts), self._room)

    def _plot_line(self, plot: Plot, row: int, rows: int) -> Strip:
        """One row of cells, counted from below."""
        styles, base = ink(self.app), self.rich_style
        pointed = base + self.get_component_rich_style("plots--cursor", partial=True)
        is_level = any(row_of(value, rows=rows, top=plot.top) == row for value, _ in plot.levels)
        empty: Cell = ("┈", Tone.FAINT) if is_level else EMPTY
        line = [*self._label(plot, row, rows, styles, base)]
        places = self._edges
        # Bars of one width; what is left over stands between them.
        least = self._room // len(self._starts)
        thick = least - 1 if least >= 3 else max(1, least)
        for number, column in enumerate(self._cells(plot, rows)):
            letter, tone = column[row] if row < len(column) else empty
            cells = places[number + 1] - places[number]
            behind = pointed if number == self._cursor else base
            line.append(Segment(letter * min(cells, thick), behind + styles[tone]))
            if cells > thick:
                line.append(Segment(empty[0] * (cells - thick), behind + styles[empty[1]]))
        return Strip(line).adjust_cell_length(self.size.width, base)

    def _cells(self, plot: Plot, rows: int) -> list[list[Cell]]:
        key = (id(plot), rows)
        if key not in self._columns:
            self._columns[key] = [cells_of(bar, rows=rows, top=plot.top) for bar in plot.bars]
        return self._columns[key]

    def _label(self, plot: Plot, row: int, rows: int, styles: Ink, base: Style) -> list[Segment]:
        said = {row_of(value, rows=rows, top=plot.top): (words, Tone.FAINT) for value, words in plot.marks}
        for value, words in plot.levels:
            said.setdefault(row_of(value, rows=rows, top=plot.top), (words.partition(" ")[0], Tone.MUTED))
        words, tone = said.get(row, ("", Tone.FAINT))
        words = words[: GUTTER - 2]
        # Spaces are segments of their own: pictures of a screen lose leading ones.
        return [
            Segment(" " * (GUTTER - 2 - len(words)), base),
            Segment(f"{words} ", base + styles[tone]) if words else Segment(" ", base),
            Segment("│", base + styles[Tone.FAINT]),
        ]

    def _axis_line(self) -> Strip:
        styles, base = ink(self.app), self.rich_style
        places = self._edges
        axis = ["─"] * self._room
        for number, _ in self._ticks():
            axis[places[number]] = "┴"
        left, right = places[self._cursor : self._cursor + 2] if self._cursor < len(self._starts) else (0, 0)
        middle = (left + max(left, right - 1)) // 2
        faint = base + styles[Tone.FAINT]
        line = [Segment(" " * (GUTTER - 1), base), Segment("└" + "".join(axis[:middle]), faint)]
        line += [Segment("▲", base + styles[Tone.ACCENT]), Segment("".join(axis[middle + 1 :]), faint)]
        return Strip(line).adjust_cell_length(self.size.width, base)

    def _time_line(self) -> Strip:
        styles, base = ink(self.app), self.rich_style
        places = self._edges
        line: list[Segment] = []
        used = 0
        for number, words in self._ticks():
            start = GUTTER + places[number]
            line += [Segment(" " * (start - used), base), Segment(words, base + styles[Tone.MUTED])]
            used = start + len(words)
        return Strip(line).adjust_cell_length(self.size.width, base)

    def _ticks(self) -> list[tuple[int, str]]:
        """The steps that begin at round times, with those times, as many as there is room for."""
        if not self._starts:
            return []
        days = self._step * len(self._starts) > 2 * _DAY
        form = ("%a %d" if len(self._starts) * self._step < 10 * _DAY else "%d %b") if days else "%H:%M"
        local = [_since_midnight(start, self._zone) for start in self._starts]
        places = self._edges
        units = [_DAY * n for n in (1, 2, 5, 10)] if days else [*_TICKS]
        for unit in units:
            if unit < self._step:
                continue
            found = [n for n in range(len(local)) if local[n] // unit != (local[n] - self._step) // unit]
            words = [f"{self._starts[n].astimezone(self._zone):{form}}" for n in found]
            fits = all(
                places[later] - places[earlier] >= len(text) + 2
                for earlier, later, text in zip(found, found[1:], words, strict=False)
            )
            if fits:
                return [
                    (n, text)
                    for n, text in zip(found, words, strict=True)
                    if places[n] + len(text) <= self._room
                ]
        return []

    def on_click(self, event: events.Click) -> None:
        place = event.x - GUTTER
        places = self._edges if self._starts else []
        for number, (left, right) in enumerate(pairwise(places)):
            if left <= place < right:
                self.post_message(self.Pointed(self, number))


def _since_midnight(at: datetime, zone: tzinfo | None) -> timedelta:
    """Since some midnight long ago, as the clocks there go."""
    return at - _LONG_AGO + (at.astimezone(zone).utcoffset() or timedelta(0))
