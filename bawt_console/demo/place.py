"""Where a demo lives: a fresh folder among the temporary files, gone when the demo is over.

A demo that was killed leaves its folder, and a server in it, behind; the next one ends and removes both.
Whose folder is in use is known by a lock that goes with its process, however that ends.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler_core.db.embedded.server import end_unused
from scheduler_core.errors import EmbeddedServerError

PREFIX = "llm-bawt-demo-"


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A folder for one demo, removed on leaving; what killed demos left is removed first."""
    remove_leftovers()
    folder, lock = _made()
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def remove_leftovers() -> int:
    """Removes the folders of this account's demos that nobody runs any more; how many there were."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            # A link, or the folder of another account, is not ours to follow.
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = _locked(folder)
            if lock is None:
                continue
            try:
                removed += _remove(folder)
            finally:
                os.close(lock)
    return removed


def _made() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = _locked(folder)
        # Between the two another demo may have taken it for a leftover.
        if lock is not None and folder.is_dir():
            return folder, lock


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None while somebody else does, or if it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove(folder: Path) -> bool:
    """Ends the server that may still run in it and deletes it; False while somebody looks at that server."""
    with contextlib.suppress(EmbeddedServerError):
        if not end_unused(folder):
            return False
    shutil.rmtree(folder, ignore_errors=True)
    return True
