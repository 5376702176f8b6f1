"""When each person last left this console, on this machine. It asks no database.

A note that is lost costs nothing but a wrong beginning of the next brief.
"""

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bawt_console.formatting import utc_now
from scheduler_core.llm.state_file import StateFile


class Visits:
    """One file for all people and databases.

    Args:
        folder: where it lies; made if missing.
        who: whose visits these are; the account by default.
    """

    def __init__(self, folder: Path, *, who: str = "", now: Callable[[], datetime] = utc_now) -> None:
        self._file = StateFile(folder / "visits.json")
        self._who = who or _account()
        self._now = now

    def last(self, database: str) -> datetime | None:
        """When this person last looked at a database, by its label; None if that is not known."""
        noted = self._file.read().get(self._key(database))
        try:
            at = datetime.fromisoformat(str(noted))
        except ValueError:
            return None
        if at.tzinfo is None:
            return None
        # A clock that went back must not hide anything.
        return min(at, self._now()).astimezone(UTC)

    def note(self, database: str) -> None:
        """Remembers that this person looks at it now."""
        self._file.write(self._file.read() | {self._key(database): self._now().isoformat()})

    def _key(self, database: str) -> str:
        return f"{self._who} at {database}"


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
