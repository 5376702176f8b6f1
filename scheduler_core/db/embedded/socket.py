"""The private directory of the server's Unix socket, the only way to reach the embedded PostgreSQL."""

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from scheduler_core.db.embedded.account import Account
from scheduler_core.db.embedded.failure import explained
from scheduler_core.db.embedded.postmaster import SOCKET_NAME
from scheduler_core.errors import EmbeddedServerError

# What the kernel's socket address holds, less its closing zero.
_LIMIT = 103 if sys.platform == "darwin" else 107
# Characters that mean something in a connection string or in PostgreSQL's list of directories.
_SPECIAL = frozenset(",:\"'\\\n\r\t")


def make_socket_dir(home: Path, *, account: Account) -> Path:
    """Returns a directory of mode 0700 owned by `account`: `home`/socket, or a short one if that is too long.

    The short one lies in XDG_RUNTIME_DIR or the temporary directory, with a name that follows from
    `home`. Other processes need not guess it: the running server's lock file tells.

    Raises:
        EmbeddedServerError: none can be made, or somebody else's is in the way.
    """
    inside = home / "socket"
    if _fits(inside):
        return _private(inside, account)
    name = f"llm-bawt-{account.uid}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108  (made private below)
        if base and _fits(Path(base) / name) and _suits(Path(base), account):
            return _private(Path(base) / name, account)
    raise EmbeddedServerError(
        f"The path {home} is too long for a socket, and no temporary directory can be used instead.",
        "Set LLM_BAWT_DATA_DIR to a shorter path, or XDG_RUNTIME_DIR to a directory of yours.",
    )


def _fits(directory: Path) -> bool:
    path = os.fspath(directory / SOCKET_NAME)
    return len(os.fsencode(path)) <= _LIMIT and not _SPECIAL.intersection(path)


def _suits(base: Path, account: Account) -> bool:
    """Whether this process can make a directory there that others cannot rename and `account` can enter."""
    if not base.is_absolute() or not base.is_dir() or not os.access(base, os.W_OK | os.X_OK):
        return False
    mode = base.stat().st_mode
    shared = mode & stat.S_IWOTH and not mode & stat.S_ISVTX
    return not shared and account.blocked_at(base.resolve()) is None


def _private(directory: Path, account: Account) -> Path:
    with explained(directory):
        try:
            directory.mkdir(0o700)
        except FileExistsError:
            status = directory.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid:
                raise EmbeddedServerError(
                    f"{directory} belongs to somebody else, so a socket in it would not be private.",
                    "Remove it, or set LLM_BAWT_DATA_DIR to a shorter path.",
                ) from None
            directory.chmod(0o700)
        else:
            account.own(directory)
    return directory
