"""The log file of the embedded PostgreSQL: opened here, written by the server, cut to size."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scheduler_core.db.embedded.account import Account
from scheduler_core.db.embedded.failure import explained

# Bytes at which the log is put aside at a start of the server; one older log is kept.
ROTATE_AT = 1_000_000
# Bytes at which the log of a running server is emptied.
EMPTY_AT = 10_000_000


class ServerLog:
    """One log file, mode 0600, and the one before it (`.1`)."""

    def __init__(self, path: Path, *, account: Account) -> None:
        self.path = path
        self._account = account

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """For appending; the server's own copy stays open when this one closes."""
        with explained(self.path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o600)
            self._account.keep(self.path)
        with os.fdopen(descriptor, "ab") as file:
            yield file

    def rotate(self) -> None:
        """Puts a big log aside; for the moment before a server starts."""
        with explained(self.path):
            if self._size() > ROTATE_AT:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))

    def trim(self) -> None:
        """Empties a log that grew too big under a running server, which goes on appending to it."""
        with explained(self.path):
            if self._size() > EMPTY_AT:
                os.truncate(self.path, 0)

    def end(self) -> int:
        """The position from which `since` tells what is new."""
        with explained(self.path):
            return self._size()

    def since(self, position: int) -> str:
        """What was written after `position`, at most 64 kB of it."""
        with explained(self.path), self.path.open("rb") as file:
            file.seek(position)
            return file.read(65_536).decode("utf-8", errors="replace")

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
