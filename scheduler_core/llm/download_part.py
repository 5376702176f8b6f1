"""A download that is not complete: the file beside its target, what is known of its origin, and its lock.

Only one process at a time works on it. It becomes the target in one step, and never replaces a file.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from scheduler_core.errors import ModelError, StateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which version of which file the part is from.

    Attributes:
        validator: a strong ETag or a date, as the server gave it; empty if it gave none.
        total: bytes of the whole file; None if the server did not say.
    """

    url: str
    validator: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A part that lies there, with what is known of it."""

    path: Path
    size: int
    origin: Origin


class Part:
    """`NAME.gguf.part`, and `NAME.gguf.part.json` about it. Open it with `open_part`."""

    def __init__(self, file: BinaryIO, path: Path, target: Path) -> None:
        self.path = path
        self.target = target
        self._file = file
        self._note = _note_of(path)
        self.size = os.fstat(file.fileno()).st_size

    def origin(self) -> Origin | None:
        """What was noted; None if nothing was, or nothing is here."""
        return _noted(self._note) if self.size else None

    def restart(self) -> None:
        """Forgets what is here."""
        self._note.unlink(missing_ok=True)
        self._file.truncate(0)
        self.size = 0

    def note(self, origin: Origin) -> None:
        """Written before the first byte, so that whatever is here has an origin."""
        self._note.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def append(self, block: bytes) -> None:
        """At once, so that a kill loses nothing."""
        view = memoryview(block)
        while view:
            written = self._file.write(view)
            self.size += written
            view = view[written:]

    def starts_like_a_model(self) -> bool:
        """Whether the first four bytes are those of a GGUF file."""
        with self.path.open("rb") as file:
            return file.read(4) == b"GGUF"

    def discard(self) -> None:
        """Removes it; the lock goes when it is closed."""
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def accept(self) -> None:
        """Makes it the target, safe on disk.

        Raises:
            StateError: there is such a file meanwhile.
        """
        os.fsync(self._file.fileno())
        try:
            os.link(self.path, self.target)
        except FileExistsError:
            raise already_there(self.target) from None
        except OSError:
            # Not every file system has links; what is checked here can then be overtaken.
            if self.target.exists():
                raise already_there(self.target) from None
            self.path.rename(self.target)
        self.discard()
        _sync_folder(self.target.parent)


def stopped_parts(folder: Path) -> list[Stopped]:
    """The parts in a folder that a download would go on with, by name. Opens and locks nothing.

    A folder that cannot be listed holds none.
    """
    found = []
    with suppress(OSError):
        for path in sorted(folder.glob("*.gguf.part")):
            origin = _noted(_note_of(path))
            size = path.stat().st_size
            if origin is not None and size:
                found.append(Stopped(path=path, size=size, origin=origin))
    return found


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _noted(note: Path) -> Origin | None:
    try:
        noted = json.loads(note.read_bytes())
        total = noted["total"]
        return Origin(
            url=str(noted["url"]),
            validator=str(noted["validator"]),
            total=None if total is None else int(total),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def open_part(target: Path) -> Iterator[Part]:
    """The part of that target, made if missing, for this process alone.

    Raises:
        StateError: the target exists, or another process downloads it.
        ModelError: the folder cannot be written.
    """
    if target.exists():
        raise already_there(target)
    path = target.with_name(target.name + ".part")
    try:
        # Unbuffered; a link that somebody put there is not followed.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        file = os.fdopen(os.open(path, flags, 0o644), "rb+", buffering=0)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be written: {error.strerror}.", "Check the folder and its permissions."
        ) from None
    with file:
        if not _locked(file) or not _is_still(file, path):
            raise StateError(f"{target.name} is being downloaded already.", "Wait for the other download.")
        if target.exists():
            raise already_there(target)
        yield Part(file, path, target)


def already_there(target: Path) -> StateError:
    return StateError(f"{target} exists already.", "Remove it first, or choose another name with --as.")


def _locked(file: BinaryIO) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(file: BinaryIO, path: Path) -> bool:
    """Whether the path still means this file: the other download may just have ended."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
