"""Advisory locks on files: they vanish with the process, however it dies.

A lock belongs to one opened file, so two holders in one process exclude each other like two processes.
Nothing here blocks and nothing is deleted.
"""

import fcntl
import os
import weakref
from pathlib import Path

from scheduler_core.db.embedded.failure import explained

_opened: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


class FileLock:
    """One opened lock file.

    Args:
        path: created with mode 0600 when missing; its directory must exist. A symbolic link is refused.

    Raises:
        EmbeddedServerError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with explained(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        _opened.add(self)

    @property
    def descriptor(self) -> int:
        """For a child that must keep the lock until it ends, even when this process is killed."""
        return self._descriptor

    def try_exclusive(self) -> bool:
        """True when nobody else holds the file in any way. A failed try may lose a shared hold."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """True when nobody else holds the file exclusively."""
        return self._try(fcntl.LOCK_SH)

    def close(self) -> None:
        """Gives the lock up; may be called twice."""
        _opened.discard(self)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _try(self, kind: int) -> bool:
        with explained(self.path):
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def _forget_in_child() -> None:
    """A forked child shares the parent's lock through the open file; closing there leaves the parent's."""
    for lock in list(_opened):
        lock.close()


os.register_at_fork(after_in_child=_forget_in_child)
