"""The terminal itself: who may write to it, and how text leaves it for the clipboard.

It knows nothing of screens. `private_terminal` must surround the whole life of the app.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

STDERR = 2
# Terminals drop or cut longer OSC 52 writes without saying so.
LONGEST_OSC52 = 75_000
_CLIPBOARD_TOOLS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("", ("pbcopy",)),
    ("", ("clip.exe",)),
)


@contextmanager
def private_terminal(*, screen: int = STDERR) -> Iterator[TextIO]:
    """Keeps the terminal for the screen alone; whatever else writes to stdout or stderr is dropped until
    `send_output_to` says where it goes.

    Native libraries and child processes write straight to the descriptors 1 and 2, which would paint over
    the screen. Inside, `sys.__stderr__` and `sys.__stdout__` are the terminal, and the descriptors are not.
    Everything is put back on leaving.

    Args:
        screen: the descriptor that is the terminal, or stands for it.

    Yields:
        the terminal, for the screen's driver.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    names = ("stdin", "stdout", "stderr", "__stdout__", "__stderr__")
    before = {name: getattr(sys, name) for name in names}
    saved = {number: os.dup(number) for number in (1, 2)}
    terminal = os.fdopen(os.dup(screen), "w", encoding="utf-8", errors="replace")
    try:
        send_output_to(Path(os.devnull))
        # The driver reads the window's size from the one and draws on the other.
        sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
        yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in saved.items():
            os.dup2(copy, number)
            os.close(copy)
        for name, stream in before.items():
            setattr(sys, name, stream)
        terminal.close()


def send_output_to(file: Path) -> None:
    """From now on the descriptors of stdout and stderr append to `file`, which is made with mode 0600."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(opened, number)
    os.close(opened)


def clipboard_tool() -> tuple[str, ...] | None:
    """The command that takes text for the desktop's clipboard on its stdin; None when there is none."""
    for variable, command in _CLIPBOARD_TOOLS:
        if (not variable or os.environ.get(variable)) and shutil.which(command[0]):
            return command
    return None


async def copy_text(text: str, *, through_terminal: Callable[[str], None]) -> str:
    """Puts text where a person can paste it from, and says where that is.

    The desktop's own tool first, since it confirms; then the terminal, which does not, for up to
    `LONGEST_OSC52` bytes; then a private temporary file.

    Args:
        through_terminal: writes one OSC 52 sequence.
    """
    command = clipboard_tool()
    data = text.encode("utf-8", "replace")
    if command is not None and await _pipe(command, data):
        return "to the clipboard"
    if len(data) <= LONGEST_OSC52:
        through_terminal(text)
        return "through the terminal, if it allows that"
    with tempfile.NamedTemporaryFile("wb", prefix="bawt-copy-", suffix=".txt", delete=False) as file:
        file.write(data)
    return f"to {file.name}"


async def _pipe(command: tuple[str, ...], data: bytes) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet
        )
        async with asyncio.timeout(2):
            await process.communicate(data)
    except (OSError, TimeoutError):
        return False
    return process.returncode == 0
