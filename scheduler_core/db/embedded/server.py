"""A private PostgreSQL for one user, without any set-up: started when needed, stopped by the last one out.

Any number of processes share the server of a data directory. Each holds a lock that vanishes with it,
so after kill -9 of all of them the next one attaches to the server still running, and after a kill of the
server too the next one starts it again with all its data. It knows nothing of the tables inside.
"""

import asyncio
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from scheduler_core.db.embedded.account import make_data_dir, server_account
from scheduler_core.db.embedded.binaries import postgres_binary
from scheduler_core.db.embedded.cluster import Cluster, StartAbandoned
from scheduler_core.db.embedded.configuration import USER
from scheduler_core.db.embedded.failure import ELSEWHERE, of_system_error
from scheduler_core.db.embedded.lock import FileLock
from scheduler_core.db.embedded.postmaster import PORT, Postmaster
from scheduler_core.errors import EmbeddedServerError

# Seconds to wait for another process that starts or stops the server.
LOCK_DEADLINE = 150.0
# Seconds for one connection to a server that said it is ready.
CONNECT_TIMEOUT = 10.0

_LOCK_POLL = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """Where the embedded PostgreSQL of this data directory answers. There is no password.

    Args:
        socket_dir: the directory of its Unix socket; it has no other.
        port: part of the socket's name only.
        user: the database role, a superuser of this private server.
    """

    data_dir: Path
    socket_dir: Path
    port: int
    user: str
    database: str

    @property
    def url(self) -> str:
        """A `postgresql://` URL for asyncpg, libpq and, with its driver named, SQLAlchemy."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """The URL of another database on this server."""
        host = quote(os.fspath(self.socket_dir), safe="")
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"

    @property
    def psql(self) -> Path:
        """The psql program that fits this server."""
        return postgres_binary("psql")

    @property
    def psql_environment(self) -> dict[str, str]:
        """The whole environment for psql, pg_dump and their like: this process's, with their PG* replaced.

        Start them as a child and stay in `embedded_server` until they end; replacing this process (exec)
        would give up its hold on the server.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "PGHOST": os.fspath(self.socket_dir),
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.database,
        }


@asynccontextmanager
async def embedded_server(
    data_dir: Path, *, database: str = "llm_bawt", settings: Mapping[str, str] | None = None
) -> AsyncIterator[EmbeddedServer]:
    """Holds the embedded PostgreSQL of `data_dir` open; makes, starts or attaches to it as needed.

    Args:
        data_dir: the program's data directory; made if missing. The cluster lies in its `postgres/`.
        database: made if missing.
        settings: PostgreSQL settings in place of the defaults, applied when this call starts the server.
            For what is thrown away (`fsync` off); people use ALTER SYSTEM.

    Raises:
        EmbeddedServerError: with a sentence and a hint, whatever is in the way.
    """
    seat = _Seat(data_dir, settings or {})
    postmaster = await _entered(seat)
    try:
        server = EmbeddedServer(
            data_dir=seat.data_dir,
            socket_dir=postmaster.socket_dir or seat.data_dir,
            port=PORT,
            user=USER,
            database=database,
        )
        await _make_database(server)
        yield server
    finally:
        # Shielded: a second cancellation must not leave the server running without a user.
        await asyncio.shield(asyncio.to_thread(seat.leave))


async def revive(server: EmbeddedServer, *, settings: Mapping[str, str] | None = None) -> None:
    """Starts the server again if it died while in use; for loops that reconnect. Data is as last committed.

    Args:
        server: from an `embedded_server` that is still open.
        settings: as given there.

    Raises:
        EmbeddedServerError: it cannot be started, or answers at another place now.
    """
    postmaster = await _entered(_Seat(server.data_dir, settings or {}), stay=False)
    if postmaster.socket_dir != server.socket_dir:
        raise EmbeddedServerError("The embedded PostgreSQL answers at another place now.", "Start again.")


def end_unused(data_dir: Path) -> bool:
    """Stops the server that a killed process may have left in `data_dir`; blocks until it is down.

    Returns:
        False if somebody uses it, and then it goes on.

    Raises:
        EmbeddedServerError: what is there cannot be read or stopped.
    """
    return _Seat(data_dir, {}).end_unused()


class _Seat:
    """One user's hold on the server. All of it blocks, so it runs in a thread."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.abandoned = threading.Event()
        self._settings = settings
        self._cluster: Cluster | None = None
        self._users: FileLock | None = None

    def enter(self, *, stay: bool) -> Postmaster:
        """Takes the shared lock and returns the running server; unless to `stay`, gives the lock up again.

        Raises:
            EmbeddedServerError, StartAbandoned: nothing is held then.
        """
        self.data_dir = self.data_dir.expanduser().resolve()
        account = make_data_dir(self.data_dir)
        self._cluster = Cluster(self.data_dir, account=account, settings=self._settings)
        self._cluster.make_home()
        with closing(self._start_lock(self._cluster)) as start:
            try:
                self._users = self._opened(self._cluster, "users.lock")
                # Only who holds the start lock ever asks for the exclusive one, so this one is free.
                if not self._users.try_shared():
                    raise _busy(self.data_dir)
                postmaster = self._cluster.ensure_running(self.abandoned, start=start)
            except BaseException:
                self._let_go()
                raise
            if not stay:
                self._let_go()
            return postmaster

    def leave(self) -> None:
        """Gives the hold up; stops the server when nobody else holds it."""
        if self._cluster is None or self._users is None:
            return
        self.abandoned.clear()
        try:
            with closing(self._start_lock(self._cluster)):
                # Newcomers wait for the start lock, so nobody comes between the test and the stop.
                if self._users.try_exclusive():
                    self._cluster.stop()
                self._let_go()
        finally:
            self._let_go()

    def end_unused(self) -> bool:
        """See the function of this name."""
        self.data_dir = self.data_dir.resolve()
        cluster = Cluster(self.data_dir, account=server_account(self.data_dir), settings=self._settings)
        if not cluster.home.is_dir():
            return True
        with closing(self._start_lock(cluster)), closing(self._opened(cluster, "users.lock")) as users:
            if not users.try_exclusive():
                return False
            cluster.stop()
            return True

    def _start_lock(self, cluster: Cluster) -> FileLock:
        lock = self._opened(cluster, "start.lock")
        deadline = time.monotonic() + LOCK_DEADLINE
        try:
            while not lock.try_exclusive():
                if time.monotonic() > deadline:
                    raise _busy(self.data_dir)
                if self.abandoned.wait(_LOCK_POLL):
                    raise StartAbandoned
        except BaseException:
            lock.close()
            raise
        return lock

    def _opened(self, cluster: Cluster, name: str) -> FileLock:
        lock = FileLock(cluster.home / name)
        cluster.account.keep(lock.path)
        return lock

    def _let_go(self) -> None:
        if self._users is not None:
            self._users.close()
            self._users = None


async def _entered(seat: _Seat, *, stay: bool = True) -> Postmaster:
    """Enters in a thread. Cancelled, it waits until the thread has undone what it began."""
    entering = asyncio.ensure_future(asyncio.to_thread(seat.enter, stay=stay))
    try:
        return await asyncio.shield(entering)
    except asyncio.CancelledError:
        seat.abandoned.set()
        await asyncio.wait({entering})
        if entering.exception() is None:
            await asyncio.shield(asyncio.to_thread(seat.leave))
        raise


async def _make_database(server: EmbeddedServer) -> None:
    """Connects once, which proves that the server answers, and makes the database if there is none."""
    try:
        try:
            connection = await _connected(server.url)
        except asyncpg.InvalidCatalogNameError:
            connection = await _connected(server.url_of("postgres"))
            quoted = server.database.replace('"', '""')
            # Another process may have made it in between.
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f'CREATE DATABASE "{quoted}"')
        await connection.close(timeout=CONNECT_TIMEOUT)
    except asyncpg.DiskFullError as error:
        raise of_system_error(errno.ENOSPC, server.data_dir) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise EmbeddedServerError(
            "The embedded PostgreSQL runs but does not answer this user.",
            f"See {server.data_dir / 'logs' / 'postgres.log'}. {ELSEWHERE}",
        ) from error


async def _connected(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """What PGSSLMODE and its like ask of other servers does not count for this one."""
    return await asyncpg.connect(
        url, timeout=CONNECT_TIMEOUT, ssl=False, target_session_attrs=SessionAttribute.any
    )


def _busy(data_dir: Path) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"Another process has been starting or stopping the server of {data_dir} for too long.",
        f"End that process and start again. {ELSEWHERE}",
    )
