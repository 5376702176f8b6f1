"""Runs in numbers: a row for the whole window and one for the step under the cursor."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from bawt_console.formatting import NOTHING, Phrase, State, Tone, duration, percent, phrase
from bawt_console.widgets.columns import Column
from bawt_console.widgets.job_table import ALARMING_SHARE
from bawt_console.widgets.run_plots import Measure
from bawt_console.widgets.table import LiveTable
from scheduler_core.figures import RunFigures

_LATE = frozenset({"late p50", "late p95", "latest"})
_LENGTHS = frozenset({"p50", "p95", "longest"})


@dataclass(frozen=True, slots=True)
class FiguresRow:
    """One row.

    Attributes:
        about: what the figures are of.
    """

    about: str
    figures: RunFigures


class FiguresTable(LiveTable[FiguresRow], can_focus=False):
    """Two rows; the second is the cursor's."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(_COLUMNS, key=lambda row: row.about, id=id)

    def favour(self, measure: Measure) -> None:
        """Where there is no room for all columns, those about a measure stay."""
        dear = _LATE if measure is Measure.LATENESS else _LENGTHS
        self._columns = tuple(
            replace(column, keep=column.keep + 20) if column.title in dear else column for column in _COLUMNS
        )
        self._fitted = None
        self.refresh()

    @property
    def plain(self) -> str:
        """Both rows with the titles of all columns, for copying."""
        now = self._now()
        cells = [
            [column.title or "when" for column in _COLUMNS],
            *([column.cell(row, now).plain for column in _COLUMNS] for row in self.rows),
        ]
        return "\n".join("\t".join(line) for line in cells)

    def show_figures(self, whole: FiguresRow, step: FiguresRow) -> None:
        self.show([whole, step])
        self.move_to(1)


def _count(number: int, state: State) -> Phrase:
    return phrase(f"{number:,}", state.tone if number else Tone.FAINT)


def _of(figure: Callable[[RunFigures], Phrase]) -> Callable[[FiguresRow, datetime], Phrase]:
    return lambda row, _: figure(row.figures) if row.figures.runs or row.figures.latest else NOTHING


def _runs(row: FiguresRow, now: datetime) -> Phrase:
    return phrase(f"{row.figures.runs:,}") if row.figures.runs else phrase("none", Tone.FAINT)


def _share(figures: RunFigures) -> Phrase:
    share = figures.success_share
    if share is None:
        return phrase("–", Tone.FAINT)
    return phrase(percent(share), Tone.FAILED if share < ALARMING_SHARE else Tone.PLAIN)


def _late(seconds: float | None) -> Phrase:
    return phrase(duration(None if seconds is None else seconds * 1000))


def _number(title: str, width: int, keep: int, figure: Callable[[RunFigures], Phrase]) -> Column[FiguresRow]:
    return Column(title=title, cell=_of(figure), width=width, keep=keep, right=True)


_COLUMNS: tuple[Column[FiguresRow], ...] = (
    Column(
        title="",
        cell=lambda row, _: phrase(row.about, Tone.STRONG),
        width=11,
        most=19,
        natural=lambda row: row.about,
        keep=100,
    ),
    Column(title="runs", cell=_runs, width=6, keep=99, right=True),
    _number("✓", 6, 55, lambda f: _count(f.success - f.suspicious, State.OK)),
    _number("≈", 3, 70, lambda f: _count(f.suspicious, State.SUSPICIOUS)),
    _number("✗", 3, 98, lambda f: _count(f.failed, State.FAILED)),
    _number("–", 5, 69, lambda f: _count(f.skipped, State.SKIPPED)),
    _number("●", 3, 45, lambda f: _count(f.running, State.RUNNING)),
    _number("success", 7, 97, _share),
    _number("p50", 9, 64, lambda f: phrase(duration(f.p50_ms))),
    _number("p95", 9, 65, lambda f: phrase(duration(f.p95_ms))),
    _number("longest", 9, 60, lambda f: phrase(duration(f.longest_ms))),
    _number("late p50", 9, 61, lambda f: _late(f.late_p50)),
    _number("late p95", 9, 63, lambda f: _late(f.late_p95)),
    _number("latest", 9, 62, lambda f: _late(f.latest)),
)
