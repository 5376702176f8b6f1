"""A program in a pseudo-terminal: when it first paints, when it shows a word, and keys for it."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

ROWS, COLUMNS = 40, 140
PATIENCE_SECONDS = 60.0
BLOCK = 65_536
# Fewer visible characters are a cleared screen or a title, not a picture.
FIRST_PAINT_CHARACTERS = 40

_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[P_^][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
_VISIBLE = re.compile(rb"[^\x00-\x20\x7f]")
# What programs ask a terminal at their start; some wait for the answer.
_ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[?2048$p": b"\x1b[?2048;0$y",
}


class Terminal:
    """The far side. What is painted is read away at once and only searched.

    Attributes:
        began: when the program was started, of `time.monotonic`.
        painted: seconds until its first picture; None before.
    """

    def __init__(self, descriptor: int, process: asyncio.subprocess.Process, began: float) -> None:
        self.process = process
        self.began = began
        self.painted: float | None = None
        self._descriptor = descriptor
        self._text = b""
        self._raw = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def press(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def forget(self) -> None:
        """What was painted so far is no longer looked at."""
        self._text = b""

    async def seen(self, words: str) -> float:
        """Waits until the words were painted; returns the seconds since the start.

        Raises:
            TimeoutError: they were not.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while words.encode() not in self._text:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise TimeoutError(
                f"{words!r} was not painted; the end of what was: {self._text[-600:]!r}"
            ) from None
        return time.monotonic() - self.began

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        # The terminal is gone with the process.
        with suppress(OSError):
            data = os.read(self._descriptor, BLOCK)
            self._answer(data)
            # A sequence may be cut in two; its beginning waits for the rest.
            cut = data.rfind(b"\x1b")
            whole, rest = (data, b"") if cut < 0 or len(data) - cut > 64 else (data[:cut], data[cut:])
            self._text = (self._text + _SEQUENCE.sub(b"", self._raw + whole))[-BLOCK:]
            self._raw = rest
            if self.painted is None and len(_VISIBLE.findall(self._text)) >= FIRST_PAINT_CHARACTERS:
                self.painted = time.monotonic() - self.began
        self._more.set()

    def _answer(self, data: bytes) -> None:
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self._descriptor, answer)


@asynccontextmanager
async def in_terminal(
    command: Sequence[str], *, environment: Mapping[str, str], rows: int = ROWS, columns: int = COLUMNS
) -> AsyncIterator[Terminal]:
    """Starts a program on a terminal of its own; ends it, and what it started, on leaving."""
    controller, near = pty.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=near,
        stdout=near,
        stderr=near,
        env=dict(environment) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        start_new_session=True,
    )
    os.close(near)
    terminal = Terminal(controller, process, began)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        terminal.close()
