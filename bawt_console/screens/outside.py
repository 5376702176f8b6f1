"""Lends the terminal to a pager or an editor, with a text that it can only read."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
import tempfile
import termios
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from textual.app import App, SuspendNotSupported

from bawt_console.formatting import clean
from scheduler_core.errors import StateError

# Asked for in this order; the first that is there shows the text.
_VARIABLES = ("PAGER", "VISUAL", "EDITOR")
_USUAL = ("less", "more", "vi")
# Whose terminal is another program's now, or about to be: lent twice, the second lending waits for itself.
_LENT: WeakSet[App[object]] = WeakSet()
# What a pager that was killed cannot do any more: leaves its own screen, shows the cursor.
_AS_BEFORE = b"\x1b[?1049l\x1b[?25h"


def outside_command() -> list[str]:
    """The program that shows a text, with its arguments.

    Raises:
        StateError: there is none.
    """
    for name in _VARIABLES:
        try:
            words = shlex.split(os.environ.get(name, ""))
        except ValueError:
            raise StateError(f"${name} cannot be read: a quote in it is not closed.", "Correct it.") from None
        if words:
            if shutil.which(words[0]) is None:
                raise StateError(
                    f"${name} names {clean(words[0], limit=60)}, which is not there.", "Correct it."
                )
            return words
    for word in _USUAL:
        if shutil.which(word) is not None:
            return [word]
    raise StateError("There is no program to show a text with.", "Set $PAGER or $EDITOR.")


def is_lent(app: App[Any]) -> bool:
    """Whether keys are for another program, which may still be waiting for its text."""
    return app in _LENT


async def show_outside(app: App[object], read: Callable[[], Awaitable[str]], *, copy_key: str) -> str:
    """Shows a text in another program and comes back when that is left. The scheduler goes on meanwhile.

    The text is cleaned: most pagers pass on what commands a terminal. It lies in a private file as long as it
    is shown.

    While one is shown, asking for another does nothing: the key was pressed twice.

    Args:
        read: gives the text, however long that takes.

    Returns:
        what went wrong, for a toast; empty when nothing did.

    Raises:
        StateError: there is no such program, or this terminal cannot be lent.
    """
    command = outside_command()
    if app in _LENT:
        return ""
    with _lent(app):
        text = await read()
        text = await asyncio.to_thread(clean, text, limit=len(text))
        if app.return_code is not None:
            # It was left meanwhile, and the terminal is on its way back to the shell.
            return ""
        with _file_of(text) as path:
            try:
                # The app goes on working, so that nothing piles up, and paints nothing.
                with app.batch_update(), app.suspend():
                    code = await _run([*command, str(path)])
            except SuspendNotSupported:
                raise StateError(
                    "This terminal cannot be lent to another program.", f"{copy_key} copies the text."
                ) from None
    return f"{command[0]} ended with {code}." if code else ""


async def _run(command: list[str]) -> int:
    terminal = sys.__stderr__
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=terminal, stderr=terminal)
    except OSError as error:
        raise StateError(
            f"{command[0]} does not start: {error.strerror}.", "Set $PAGER or $EDITOR."
        ) from None
    # ctrl+c in a pager is for the pager.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _terminal_as_it_was() as put_back:
        try:
            return await process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
            if process.returncode is None:
                process.kill()
                put_back()


@contextmanager
def _terminal_as_it_was() -> Iterator[Callable[[], None]]:
    """Gives what puts a terminal back that a program was killed on."""
    attributes = None
    with suppress(termios.error, OSError, AttributeError, ValueError):
        attributes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]

    def put_back() -> None:
        # It may be gone altogether.
        with suppress(termios.error, OSError, AttributeError, ValueError):
            os.write(sys.__stderr__.fileno(), _AS_BEFORE)  # type: ignore[union-attr]
            if attributes is not None:
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, attributes)  # type: ignore[union-attr]

    yield put_back


@contextmanager
def _lent(app: App[object]) -> Iterator[None]:
    _LENT.add(app)
    try:
        yield
    finally:
        _LENT.discard(app)


@contextmanager
def _file_of(text: str) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix="bawt-", suffix=".txt")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        yield path
    finally:
        path.unlink(missing_ok=True)
