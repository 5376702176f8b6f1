"""Who runs the embedded PostgreSQL, and which directories that account can reach.

PostgreSQL refuses to run as root. Started by root, the server runs as another account that exists
already; none is created. Permissions of directories that are not ours are read, never changed.
"""

import errno
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from scheduler_core.db.embedded.failure import ELSEWHERE, explained
from scheduler_core.errors import EmbeddedServerError

# In order of trust: one an administrator made for this program; the one made for running PostgreSQL;
# and `nobody`, which exists everywhere but which other services may run as too.
_CANDIDATES = ("llm-bawt", "postgres", "nobody")

# What the program itself keeps in its data directory.
_OWN_ENTRIES = frozenset({"postgres", "logs", "models", "state", "scheduler.lock"})


class SpawnArguments(TypedDict, total=False):
    """The part of subprocess.Popen's arguments that changes the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The system account the server runs as.

    Args:
        switches: whether that is another account than this process's, which only root can do.
        keeps: whether it also owns the data directory, so that what root makes there must become its own.
    """

    name: str
    uid: int
    gid: int
    switches: bool
    keeps: bool = False

    @property
    def spawn(self) -> SpawnArguments:
        """Arguments that start a child as this account, without root's supplementary groups."""
        if not self.switches:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hands a path that this program just made to the account."""
        if self.switches:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def keep(self, path: Path) -> None:
        """Hands a path that this program just made to the owner of the data directory."""
        if self.keeps:
            self.own(path)

    def allows(self, path: Path, wanted: int) -> bool:
        """Whether the mode bits of `path` grant `wanted` (a sum of 4 read, 2 write, 1 search)."""
        status = path.stat()
        if status.st_uid == self.uid:
            granted = status.st_mode >> 6
        elif status.st_gid == self.gid:
            granted = status.st_mode >> 3
        else:
            granted = status.st_mode
        return granted & wanted == wanted

    def blocked_at(self, directory: Path) -> Path | None:
        """The first directory on the way to and including `directory` that the account cannot enter."""
        for step in (*reversed(directory.parents), directory):
            if not self.allows(step, 1) and not self._enters(step):
                return step
        return None

    def _enters(self, directory: Path) -> bool:
        """Asks the system itself: an access control list may grant what the mode bits do not."""
        try:
            asked = subprocess.run(
                ["/bin/sh", "-c", 'cd -- "$1"', "sh", os.fspath(directory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                check=False,
                **self.spawn,
            )
        except OSError:
            return False
        return asked.returncode == 0


def server_account(data_dir: Path) -> Account:
    """This process's own account, or for root the one that the server shall run as.

    As root that is the owner of the data directory when it is somebody else's, so that its files stay
    usable for that person; then the first that exists of `llm-bawt`, `postgres` and `nobody`.

    Raises:
        EmbeddedServerError: there is no such account, or this process's user has no name.
    """
    if os.geteuid() != 0:
        try:
            own = pwd.getpwuid(os.geteuid())
        except KeyError:
            raise EmbeddedServerError(
                "This user has no entry in the list of users, which PostgreSQL needs.",
                "Run as a named user, or set LLM_BAWT_DATABASE_URL to a server of yours.",
            ) from None
        return Account(name=own.pw_name, uid=os.geteuid(), gid=os.getegid(), switches=False)
    keeper = _owner(data_dir)
    owner = _owner(data_dir / "postgres" / "cluster") or keeper
    if owner != 0:
        return _named(owner, keeps=owner == keeper)
    for name in _CANDIDATES:
        try:
            return _named(pwd.getpwnam(name).pw_uid, keeps=False)
        except KeyError:
            continue
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and there is no other account to run it as.",
        "Start as an ordinary user, create an account named llm-bawt, or set LLM_BAWT_DATABASE_URL.",
    )


def make_data_dir(data_dir: Path) -> Account:
    """Makes the program's data directory if missing, and says who runs a server in it.

    A plain user gets mode 0700. Root gets 0710 with the group of the server's account, which may so pass
    through but neither list nor change it; an existing private directory of root is opened that far
    only while nothing but this program's own entries are in it. Parents are never changed.

    Raises:
        EmbeddedServerError: it cannot be made, or the account cannot reach it.
    """
    with explained(data_dir):
        account = server_account(data_dir)
        missing = [step for step in (data_dir, *data_dir.parents) if not step.exists()]
        if account.switches:
            if not missing and _is_ours_and_private(data_dir):
                os.chown(data_dir, -1, account.gid)
                data_dir.chmod(0o710)
            _check_reachable(account, missing[-1].parent if missing else data_dir)
        # Other processes may be at the same work: every step is right whoever did the one before.
        for step in reversed(missing):
            step.mkdir(0o755 if account.switches and step != data_dir else 0o700, exist_ok=True)
            if account.switches:
                os.chown(step, -1, account.gid if step == data_dir else -1)
                step.chmod(0o710 if step == data_dir else 0o755)
        if not data_dir.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", os.fspath(data_dir))
    return account


def _check_reachable(account: Account, directory: Path) -> None:
    blocked = account.blocked_at(directory)
    if blocked is not None:
        raise EmbeddedServerError(
            f"PostgreSQL cannot run as root, and the account {account.name} may not enter {blocked}.",
            f"Start as an ordinary user instead. {ELSEWHERE}",
        )


def _is_ours_and_private(data_dir: Path) -> bool:
    status = data_dir.lstat()
    private = stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o077
    return private and {entry.name for entry in data_dir.iterdir()} <= _OWN_ENTRIES


def _owner(path: Path) -> int:
    """The user id that owns the path; 0 when there is no such path."""
    with explained(path):
        try:
            return path.stat().st_uid
        except FileNotFoundError:
            return 0


def _named(uid: int, *, keeps: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedServerError(
            f"The data directory belongs to user {uid}, who has no entry in the list of users.",
            f"Give it to a named user. {ELSEWHERE}",
        ) from None
    return Account(name=entry.pw_name, uid=uid, gid=entry.pw_gid, switches=True, keeps=keeps)
