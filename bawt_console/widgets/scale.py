"""Round numbers beside a plot."""

import math

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms"))
# Smaller than anything that is measured, and large enough to be reckoned with.
_LEAST = 1e-9


def unit_of(longest_ms: float) -> tuple[int, str]:
    """The unit in which a length is a short number: its milliseconds and its name."""
    return next(((size, name) for size, name in _UNITS if longest_ms >= 2 * size), (1, "ms"))


def round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 times a power of ten, so that quarters of it are short numbers."""
    value = max(value, _LEAST)
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 4, 6, 8, 10, 12) if step * size >= value * 1.02)
