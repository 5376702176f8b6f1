"""Lines of the library's pictures, which would keep themselves alive.

A line that nothing lies over is cut into itself alone, and the library (8.2) remembers that in the line: a
circle that only the garbage collector opens. Beside busy keys that was half a megabyte a second, and looking
for it kept a scheduler in the same process waiting for tens of milliseconds.
"""

from collections.abc import Iterable, Sequence

from textual.strip import Strip

_divide = Strip.divide


def let_lines_go() -> None:
    """From now on a line that is whole is not remembered in itself."""
    setattr(Strip, "divide", _divided)  # noqa: B010 - a method of somebody else's class


def _divided(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    within = [cut for cut in cuts if cut <= strip.cell_length]
    return [strip] if within == [strip.cell_length] else _divide(strip, within)
