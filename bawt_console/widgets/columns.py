"""Columns of a table: what stands in them, and which of them fit into a width. Nothing is painted here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from bawt_console.formatting import Phrase, Tone, phrase

T = TypeVar("T")

GAP = 2
# Columns worth at least this much are cut before they are left out.
ESSENTIAL = 85
# Less important columns make way for content up to this many cells of a more important one.
WORTH_ROOM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[T]):
    """One column.

    Attributes:
        width: cells it always gets.
        most: cells it may grow to when there is room.
        natural: the text that decides how much of that it wants; without it, it takes what is left over.
        keep: columns with the lowest number go first when the table is narrow.
        drawn: makes the content for as many cells as the column got, instead of `cell`.
        drawn_title: the same for the title.
    """

    title: str
    cell: Callable[[T, datetime], Phrase]
    width: int
    most: int | None = None
    natural: Callable[[T], str] | None = None
    keep: int = 50
    right: bool = False
    drawn: Callable[[T, int], Phrase] | None = None
    drawn_title: Callable[[int], Phrase] | None = None

    def content(self, row: T, now: datetime, width: int) -> Phrase:
        """What stands in a row."""
        return self.cell(row, now) if self.drawn is None else self.drawn(row, width)

    def head(self, width: int) -> Phrase:
        """What stands above the rows."""
        return phrase(self.title, Tone.FAINT) if self.drawn_title is None else self.drawn_title(width)


def fitted(columns: Sequence[Column[Any]], naturals: Sequence[int], room: int) -> tuple[int, ...]:
    """The width of each column in so many cells, 0 for those that do not fit.

    Args:
        naturals: the cells that the widest content of each wants; empty where there is none.
    """
    naturals = naturals or (0,) * len(columns)
    needs = [
        max(column.width, min(column.most or 0, naturals[n], WORTH_ROOM)) for n, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    while len(shown) > 1:
        least = min(reversed(shown), key=lambda n: columns[n].keep)
        essential = columns[least].keep >= ESSENTIAL
        cells = [columns[n].width if essential else needs[n] for n in shown]
        if sum(cells) + GAP * (len(shown) - 1) <= room:
            break
        shown.remove(least)
    widths = [columns[n].width if n in shown else 0 for n in range(len(columns))]
    spare = room - sum(widths) - GAP * (len(shown) - 1)
    by_worth = sorted(shown, key=lambda n: -columns[n].keep)
    for measured in (True, False):
        for number in by_worth:
            column = columns[number]
            if column.most is None or (column.natural is not None) is not measured:
                continue
            wanted = min(column.most, naturals[number]) if measured else column.most
            more = max(0, min(spare, wanted - widths[number]))
            widths[number] += more
            spare -= more
    if spare < 0 and shown:
        widths[shown[0]] = max(1, widths[shown[0]] + spare)
    return tuple(widths)
