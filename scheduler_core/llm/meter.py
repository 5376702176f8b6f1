"""What can be said of a text while a model still writes it: how much, how fast, how much may follow.

It keeps the text as long as it is written, and stores nothing.
"""

import time
from collections.abc import Callable

# A text that ends in this many equal pieces, together this long, goes in circles.
_ROUNDS = 4
_LEAST_REPEATED = 48
_LONGEST_PIECE = 400
_LOOKED_AT = _ROUNDS * _LONGEST_PIECE
# Looking at every token would cost more than small models do.
_LOOK_EVERY = 16


class Meter:
    """Counts one generation.

    Args:
        max_tokens: the most the model may write.
        clock: seconds.
    """

    def __init__(self, *, max_tokens: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_tokens = max_tokens
        self.tokens = 0
        self.text = ""
        self.repeats = False
        self._clock = clock
        self._started = clock()
        self._first: float | None = None
        self._last = self._started

    def heard(self, text: str) -> None:
        """Takes a token; what a model sends at once counts as one."""
        self._last = self._clock()
        if self._first is None:
            self._first = self._last
        self.tokens += 1
        self.text += text
        if self.tokens % _LOOK_EVERY == 0:
            self.repeats = goes_in_circles(self.text)

    @property
    def seconds(self) -> float:
        """Since the model was asked; loading it counts."""
        return self._clock() - self._started

    @property
    def first_token_seconds(self) -> float | None:
        return None if self._first is None else self._first - self._started

    @property
    def tokens_per_second(self) -> float | None:
        """Of the writing alone; None until two tokens are there."""
        if self._first is None or self.tokens < 2 or self._last <= self._first:
            return None
        return (self.tokens - 1) / (self._last - self._first)


def goes_in_circles(text: str) -> bool:
    """Whether the end of a text says the same again and again, to the letter: lists differ in something."""
    tail = text[-_LOOKED_AT:]
    for length in range(1, min(_LONGEST_PIECE, len(tail) // _ROUNDS) + 1):
        rounds = max(_ROUNDS, -(-_LEAST_REPEATED // length))
        piece = tail[-length:]
        if piece.strip() and len(tail) >= rounds * length and tail.endswith(piece * rounds):
            return True
    return False
