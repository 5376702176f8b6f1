"""The files of one embedded PostgreSQL, and how the server on them is started.

```
DATA_DIR/postgres/            mode 0700; started by root it stays root's, 0710
  postgresql.conf …           written at every start
  *.lock                      who uses and who starts the server (embedded.py)
  cluster/                    the data, owned by the account that runs the server
  socket/                     the only way in, same owner
DATA_DIR/logs/postgres.log    what the server says; no statements and no values
```

Callers hold the start lock. Nothing here knows databases or connections.
"""

import errno
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from scheduler_core.db.embedded.account import Account
from scheduler_core.db.embedded.binaries import POSTGRES_MAJOR, server_programs
from scheduler_core.db.embedded.configuration import USER, command_line_settings, write_configuration
from scheduler_core.db.embedded.failure import ELSEWHERE, explained, of_output, of_system_error
from scheduler_core.db.embedded.lock import FileLock
from scheduler_core.db.embedded.log import ServerLog
from scheduler_core.db.embedded.postmaster import (
    SOCKET_NAME,
    Postmaster,
    disown_lock_file,
    find_postmaster,
    stop_postmaster,
)
from scheduler_core.db.embedded.socket import make_socket_dir
from scheduler_core.errors import EmbeddedServerError

# Seconds until a start is given up; recovery after a crash replays at most max_wal_size.
START_DEADLINE = 120.0

_POLL = 0.005
_OWN_PREFIXES = ("cluster", "binaries-", ".p")
# What the children of a killed server may hold for a moment.
_STILL_USED = "pre-existing shared memory block"
# Nothing of this process's environment reaches the server: neither secrets nor PG* variables.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class StartAbandoned(Exception):  # noqa: N818  (no error: the caller asked for it)
    """The caller went away while the server was being started; what was begun is undone."""


class Cluster:
    """The embedded PostgreSQL of one data directory.

    Args:
        data_dir: resolved, and made by `make_data_dir`.
        account: who runs the server.
        settings: PostgreSQL settings in place of this program's.
    """

    def __init__(self, data_dir: Path, *, account: Account, settings: Mapping[str, str]) -> None:
        self.home = data_dir / "postgres"
        self.directory = self.home / "cluster"
        self.account = account
        self._log = ServerLog(data_dir / "logs" / "postgres.log", account=account)
        self._settings = settings

    def make_home(self) -> None:
        """Makes the directories around the data.

        Raises:
            EmbeddedServerError: they cannot be made or are something else.
        """
        for folder in (self.home, self._log.path.parent):
            with explained(folder):
                if not folder.is_dir():
                    folder.mkdir(0o700, exist_ok=True)
                    self.account.keep(folder)
        with explained(self.home):
            if not self.directory.exists() and not all(map(_is_ours, self.home.iterdir())):
                raise _foreign(self.home)
            if self.account.switches and self.home.stat().st_uid == 0:
                os.chown(self.home, -1, self.account.gid)
                self.home.chmod(0o710)

    def ensure_running(self, abandoned: threading.Event, *, start: FileLock) -> Postmaster:
        """Returns the server that runs, after making the cluster and starting it as needed.

        Args:
            start: the start lock, held.
            abandoned: set by the caller to give up at the next step.

        Raises:
            EmbeddedServerError: it cannot be made or started.
            StartAbandoned: `abandoned` was set.
        """
        with explained(self.directory):
            self._log.trim()
            found = find_postmaster(self.directory)
            if found is not None and found.status == "ready":
                return found
            programs = server_programs(self.account, self.home)
            if not self._is_made():
                self._make(programs, abandoned, start)
            return self._start(programs, abandoned)

    def stop(self) -> None:
        """Stops the server, if one runs; a short socket directory elsewhere goes with it."""
        with explained(self.directory):
            found = find_postmaster(self.directory)
            stopped = stop_postmaster(self.directory)
            sockets = found.socket_dir if found is not None else None
            if stopped and sockets is not None and sockets.is_dir() and not any(sockets.iterdir()):
                sockets.rmdir()

    def _is_made(self) -> bool:
        """Looks before it leaps: anything unknown is left alone, with a sentence."""
        for stale in self.home.glob("cluster.new-*"):
            shutil.rmtree(stale, ignore_errors=True)
        if not self.directory.is_dir():
            if self.directory.exists():
                raise _foreign(self.directory)
            return False
        if self.directory.stat().st_uid != self.account.uid:
            raise EmbeddedServerError(
                f"The database in {self.directory} belongs to another user.",
                f"Start as that user. {ELSEWHERE}",
            )
        if not any(self.directory.iterdir()):
            return False
        try:
            version = (self.directory / "PG_VERSION").read_text(errors="replace").strip()[:10]
            (self.directory / "global" / "pg_control").stat()
        except (FileNotFoundError, NotADirectoryError):
            raise _foreign(self.directory) from None
        if version != str(POSTGRES_MAJOR):
            raise EmbeddedServerError(
                f"The database in {self.directory} was made by PostgreSQL {version},"
                f" and this release brings {POSTGRES_MAJOR}.",
                f"Dump it with the release that made it. {ELSEWHERE}",
            )
        return True

    def _make(self, programs: Path, abandoned: threading.Event, start: FileLock) -> None:
        """Runs initdb beside the final place, then renames: a killed one leaves no half-made cluster."""
        growing = self.home / f"cluster.new-{secrets.token_hex(4)}"
        command = [os.fspath(programs / "initdb"), "--pgdata", os.fspath(growing), "--username", USER]
        # The builtin locale sorts the same on every system, so no upgrade of one spoils an index.
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--data-checksums", "--auth=peer", "--no-instructions"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        try:
            growing.mkdir(0o700)
            self.account.own(growing)
            begin = self._log.end()
            with self._log.opened() as log:
                # It keeps the start lock, so a successor of a killed process waits until it is out.
                process = self._spawn(command, log, keeping=(start.descriptor,))
            while process.poll() is None:
                if abandoned.wait(_POLL):
                    process.terminate()
                    process.wait()
                    raise StartAbandoned
            if process.returncode != 0:
                raise self._failure("PostgreSQL cannot prepare its data directory.", begin)
            growing.rename(self.directory)
            _sync(self.home)
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise

    def _start(self, programs: Path, abandoned: threading.Event) -> Postmaster:
        deadline = time.monotonic() + START_DEADLINE
        launched: subprocess.Popen[bytes] | None = None
        begin = 0
        while True:
            found = find_postmaster(self.directory)
            if found is not None and found.status == "ready":
                break
            late = time.monotonic() > deadline
            if launched is not None and launched.poll() is not None:
                if late or _STILL_USED not in self._log.since(begin):
                    raise self._failure("The embedded PostgreSQL does not start.", begin)
                launched = None
            elif launched is None and found is None:
                self._log.rotate()
                begin = self._log.end()
                launched = self._launch(programs)
            if late:
                raise EmbeddedServerError(
                    "The embedded PostgreSQL is still not ready.",
                    f"It may be repairing itself after a crash; try again. Its words: {self._log.path}",
                )
            if abandoned.wait(_POLL):
                if launched is not None:
                    _end(launched)
                raise StartAbandoned
        if launched is not None:
            # Reaps the server when it ends while this process still lives, whoever stops it.
            threading.Thread(target=launched.wait, name="embedded-postgres", daemon=True).start()
        return found

    def _launch(self, programs: Path) -> "subprocess.Popen[bytes]":
        self.directory.chmod(0o700)
        socket_dir = make_socket_dir(self.home, account=self.account)
        for left in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (socket_dir / left).unlink(missing_ok=True)
        disown_lock_file(self.directory)
        written = write_configuration(self.home, account=self.account, settings=self._settings)
        command = [os.fspath(programs / "postgres"), "-D", os.fspath(self.directory)]
        for name, value in {**written, **command_line_settings(socket_dir)}.items():
            command += ["-c", f"{name}={value}"]
        with self._log.opened() as log:
            return self._spawn(command, log)

    def _spawn(
        self, command: list[str], log: BinaryIO, *, keeping: tuple[int, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        """In a session of its own: Ctrl-C in the terminal must not reach it."""
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
                umask=0o077,
                pass_fds=keeping,
                **self.account.spawn,
            )
        except OSError as error:
            raise self._not_spawned(error, Path(command[0])) from error

    def _not_spawned(self, error: OSError, program: Path) -> EmbeddedServerError:
        if self.account.switches and error.errno in (errno.EPERM, errno.EINVAL):
            return EmbeddedServerError(
                f"PostgreSQL cannot run as root, and this root may not become {self.account.name}.",
                "Start as an ordinary user, or set LLM_BAWT_DATABASE_URL to a server of yours.",
            )
        if error.errno in (errno.ENOEXEC, errno.ENOENT):
            return EmbeddedServerError(
                f"The installed PostgreSQL does not run on this system: {program}.",
                "Set LLM_BAWT_DATABASE_URL to a PostgreSQL server of yours.",
            )
        return of_system_error(error.errno or 0, program)

    def _failure(self, title: str, begin: int) -> EmbeddedServerError:
        return of_output(self._log.since(begin), title=title, path=self.home, log=self._log.path)


def _is_ours(entry: Path) -> bool:
    """Whether a name in the home is one that a start makes before there is a cluster."""
    return (
        entry.name == "socket" or entry.suffix in (".lock", ".conf") or entry.name.startswith(_OWN_PREFIXES)
    )


def _foreign(path: Path) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"{path} holds files that are not this program's database.", f"Move them away. {ELSEWHERE}"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a server that is still starting; an immediate end loses nothing that was committed."""
    process.send_signal(signal.SIGQUIT)
    process.wait()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
