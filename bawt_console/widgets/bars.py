"""Bars made of letters: what a plot is, and which cells its bars fill. It paints nothing.

A bar is a stack of pieces. Each piece has a letter of its own, so that a bar reads without colours too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bawt_console.formatting import Phrase, Tone, joined, phrase

FULL = "█"
SHADE = "░"
_EIGHTHS = " ▁▂▃▄▅▆▇"

Cell = tuple[str, Tone]
EMPTY: Cell = (" ", Tone.PLAIN)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar.

    Attributes:
        value: how high it is, in what the plot measures; nothing is drawn of 0.
        least: cells it gets however small it is.
    """

    value: float
    letter: str
    tone: Tone
    least: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Bars over the same steps as those of other plots.

    Attributes:
        bars: one a step; its pieces from below.
        top: the value at the upper edge; above 0.
        marks: values with the words beside them.
        levels: values that a faint line shows, with their words.
    """

    title: str
    legend: tuple[tuple[str, str, Tone], ...]
    bars: tuple[tuple[Piece, ...], ...]
    top: float
    marks: tuple[tuple[float, str], ...]
    levels: tuple[tuple[float, str], ...] = ()

    @property
    def key(self) -> Phrase:
        """The legend: each letter with its word."""
        return joined(
            (phrase(f"{letter} ", tone) + phrase(word, Tone.MUTED) for letter, word, tone in self.legend),
            "  ",
        )


def cells_of(bar: Sequence[Piece], *, rows: int, top: float) -> list[Cell]:
    """The cells of one bar from below, at most `rows`. Where it is too high, it loses some at its foot."""
    cells: list[Cell] = []
    reached = 0.0
    solid: float | None = None
    for piece in bar:
        if piece.value <= 0:
            continue
        reached = min(rows, reached + piece.value / top * rows)
        before = len(cells)
        end = max(round(reached), before + piece.least)
        cells += [(piece.letter, piece.tone)] * (end - before)
        if piece.letter == FULL:
            solid, base = reached, before
        elif len(cells) > before:
            solid = None
    if solid is not None:
        # Its upper edge is exact to an eighth of a cell, as nothing stands on it.
        tone = next(piece.tone for piece in reversed(bar) if piece.letter == FULL and piece.value > 0)
        whole, eighths = divmod(max(1, round((solid - base) * 8)), 8)
        cells[base:] = [(FULL, tone)] * whole + ([(_EIGHTHS[eighths], tone)] if eighths else [])
    return cells[-rows:]


def row_of(value: float, *, rows: int, top: float) -> int:
    """The row from below in which a value lies."""
    # First the share: over a scale of next to nothing it is without end.
    return max(0, min(rows - 1, int(min(1.0, value / top) * rows)))


def edges(steps: int, width: int) -> list[int]:
    """Where each step begins, and behind them where the last one ends, in cells.

    All are equally wide where that leaves little of the width unused, else some are a cell wider.
    """
    whole, rest = divmod(width, steps)
    if whole and rest * 2 <= steps:
        width = whole * steps
    return [number * width // steps for number in range(steps + 1)]
