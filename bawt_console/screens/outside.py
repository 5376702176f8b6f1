"""Lends the terminal to a pager or an editor, with a text that it can only read."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from textual.app import App, SuspendNotSupported

from bawt_console.formatting import clean
from scheduler_core.errors import StateError

# Asked for in this order; the first that is there shows the text.
_VARIABLES = ("PAGER", "VISUAL", "EDITOR")
_USUAL = ("less", "more", "vi")
# Whose terminal is another program's now: lent twice, the second lending waits for itself.
_LENT: WeakSet[App[object]] = WeakSet()


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


async def show_outside(app: App[object], text: str, *, copy_key: str) -> str:
    """Shows a text in another program and comes back when that is left. The scheduler goes on meanwhile.

    The text is cleaned: most pagers pass on what commands a terminal. It lies in a private file as long as it
    is shown.

    While one is shown, asking for another does nothing: the key was pressed twice.

    Returns:
        what went wrong, for a toast; empty when nothing did.

    Raises:
        StateError: there is no such program, or this terminal cannot be lent.
    """
    command = outside_command()
    if app in _LENT:
        return ""
    with _lent(app), _file_of(clean(text, limit=len(text))) as path:
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
    try:
        return await process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        if process.returncode is None:
            process.kill()


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
