"""How far a download is: one line that changes on a terminal, else a line for every tenth.

It writes to stderr, because stdout holds results only.
"""

import shutil
import time
from collections.abc import Callable
from typing import TextIO

REFRESH_SECONDS = 0.1
LINE_BYTES = 100_000_000
"""How often a line is written where the size of the whole is not known."""

_BAR_CELLS = 24


class DownloadProgress:
    """Give it to a download, and call `end` when that is over.

    Args:
        stream: a terminal or anything else; asked only once which it is.
        clock: seconds, for the speed.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._is_terminal = stream.isatty()
        self._phase = ""
        self._first = 0
        self._started = 0.0
        self._shown_at = 0.0
        self._shown_step = 0
        self._width = 0

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        now = self._clock()
        is_new = phase != self._phase
        if is_new:
            self._phase, self._first, self._started = phase, done, now
            self._shown_step = _step(done, total)
        if self._is_terminal:
            if is_new or done == total or now - self._shown_at >= REFRESH_SECONDS:
                self._shown_at = now
                self._replace(self._line(done, total, now))
        elif _step(done, total) > self._shown_step:
            self._shown_step = _step(done, total)
            self._write(self._line(done, total, now) + "\n")

    def end(self) -> None:
        """Leaves the terminal on a line of its own."""
        if self._width:
            self._write("\n")
            self._width = 0

    def _line(self, done: int, total: int | None, now: float) -> str:
        speed = (done - self._first) / max(now - self._started, 0.001)
        if not total:
            return f"{self._phase} {_size(done)}, {_size(speed)}/s"
        share = min(1.0, done / total)
        text = f"{self._phase} {share:4.0%} of {_size(total)}, {_size(speed)}/s"
        if speed > 0 and done < total:
            text += f", {_time((total - done) / speed)} left"
        if not self._is_terminal:
            return text
        full = int(share * _BAR_CELLS)
        return f"[{'#' * full}{'.' * (_BAR_CELLS - full)}] {text}"

    def _replace(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        # Blanks instead of an escape sequence, so that any terminal will do.
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _step(done: int, total: int | None) -> int:
    return done * 10 // total if total else done // LINE_BYTES


def _size(count: float) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 60 else f"{minutes / 60:.1f} h"
