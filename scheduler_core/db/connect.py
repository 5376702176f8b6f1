"""One way to reach PostgreSQL, for the pool, the LISTEN connection and the migrations alike."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.exceptions import (
    AdminShutdownError,
    CannotConnectNowError,
    ConnectionDoesNotExistError,
    CrashShutdownError,
    DiskFullError,
    IdleInTransactionSessionTimeoutError,
    InsufficientPrivilegeError,
    InvalidAuthorizationSpecificationError,
    InvalidCatalogNameError,
    InvalidPasswordError,
    PostgresConnectionError,
    ReadOnlySQLTransactionError,
    TooManyConnectionsError,
    UndefinedColumnError,
    UndefinedFunctionError,
    UndefinedTableError,
)

from scheduler_core.errors import ConfigError, DatabaseError, DatabaseUnreachableError

# asyncpg's connection is generic for the type checker only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_TIMEOUT = 10.0
COMMAND_TIMEOUT = 60.0
LOCK_MILLISECONDS = 1000

# The server is there but not for us now, or the wire broke: waiting and trying again is right.
_AWAY = (
    OSError,
    AdminShutdownError,
    CannotConnectNowError,
    ConnectionDoesNotExistError,
    CrashShutdownError,
    IdleInTransactionSessionTimeoutError,
    PostgresConnectionError,
    TooManyConnectionsError,
)

# Classes of SQLSTATE that say nothing about the statement: a transaction that had to give way, scarce
# resources, a lock or object in use, an operator's hand, the system beneath the server.
_PASSING = frozenset({"40", "53", "55", "57", "58"})

# Locking a row takes the right to change it.
_COMMENT = re.compile("--.*")
_WRITING = re.compile(
    r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|LOCK|SHARE|COPY|CREATE|ALTER|DROP|GRANT)\b", re.IGNORECASE
)


class DatedConnection(asyncpg.Connection):
    """A connection that knows when it was opened.

    Attributes:
        born: seconds, of `time.monotonic`.
        itself: for who has it behind the driver's stand-in, which passes on what it does not know.
    """

    __slots__ = ("born",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.born = time.monotonic()

    @property
    def itself(self) -> "DatedConnection":
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the database is.

    Args:
        dsn: a libpq URI. It may hold a password, so it is kept out of `repr`.
        embedded: whether this is the private server of the data directory.
        revive: starts that server again if it died; awaited once when connecting fails.
    """

    dsn: str
    embedded: bool = False
    revive: Callable[[], Awaitable[None]] | None = field(default=None, compare=False)

    @classmethod
    def parse(
        cls, url: str, *, embedded: bool = False, revive: Callable[[], Awaitable[None]] | None = None
    ) -> "Address":
        """Accepts `postgresql://`, `postgres://` and SQLAlchemy's `postgresql+driver://`.

        Raises:
            ConfigError: another scheme, or no database name.
        """
        dsn = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url.strip())
        hint = "Use postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
        if not dsn.startswith("postgresql://"):
            raise ConfigError("The database URL does not start with postgresql://.", hint)
        try:
            parts = urlsplit(dsn)
            database = unquote(parts.path.lstrip("/")) or parse_qs(parts.query).get("dbname", [""])[0]
            _ = parts.port
        except ValueError:
            raise ConfigError("The database URL cannot be read.", hint) from None
        if not database:
            raise ConfigError("The database URL names no database.", hint)
        return cls(dsn=dsn, embedded=embedded, revive=revive)

    def __repr__(self) -> str:
        return f"Address({self.label})"

    @property
    def database(self) -> str:
        parts = urlsplit(self.dsn)
        return unquote(parts.path.lstrip("/")) or parse_qs(parts.query)["dbname"][0]

    @property
    def label(self) -> str:
        """What a screen may show: `embedded · llm_bawt` or `host/llm_bawt`; never a user or password."""
        if self.embedded:
            return f"embedded · {self.database}"
        parts = urlsplit(self.dsn)
        host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
        port = f":{parts.port}" if parts.port and parts.port != 5432 else ""
        return f"{host}{port}/{self.database}"

    @property
    def password(self) -> str | None:
        parts = urlsplit(self.dsn)
        return unquote(parts.password) if parts.password else None

    @property
    def dsn_without_password(self) -> str:
        parts = urlsplit(self.dsn)
        if not parts.password:
            return self.dsn
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


async def connect(
    address: Address, *, application: str, read_only: bool | None = False, patience: float | None = None
) -> Connection:
    """Opens one connection; times on it are UTC.

    Args:
        application: shown in `pg_stat_activity`.
        read_only: the server then refuses every write of this session. None leaves that to what the server,
            its role or the URL says of it.
        patience: seconds after which connecting, and each statement, is given up, and the server in turn
            gives up on a transaction in which nothing happens. None stands for `CONNECT_TIMEOUT`,
            `COMMAND_TIMEOUT` and no such limit.

    Raises:
        DatabaseUnreachableError, DatabaseError, ConfigError: in words a person can act on.
    """
    try:
        return await _connect(address, application, read_only, patience)
    except DatabaseUnreachableError:
        if address.revive is None:
            raise
        await address.revive()
        return await _connect(address, application, read_only, patience)


async def _connect(
    address: Address, application: str, read_only: bool | None, patience: float | None
) -> Connection:
    settings = {
        "application_name": application,
        "timezone": "UTC",
        # Batches touch a few hundred rows by key; the default, made for spinning disks, reads whole tables.
        "random_page_cost": "1.1",
        "jit": "off",
    }
    if read_only is not None:
        settings["default_transaction_read_only"] = "on" if read_only else "off"
    if patience is not None:
        # The same few statements again and again: what is planned once fits every batch.
        settings["plan_cache_mode"] = "force_generic_plan"
        # Somebody may keep a row in an open transaction; what is about other rows must not wait for that.
        settings["lock_timeout"] = f"{LOCK_MILLISECONDS}ms"
        # Whoever vanished in mid-transaction would hold its rows, and its runs could not be rescued.
        settings["idle_in_transaction_session_timeout"] = f"{round(patience * 1000)}ms"
    with plain_errors(address):
        return await asyncpg.connect(
            address.dsn,
            timeout=min(CONNECT_TIMEOUT, patience or CONNECT_TIMEOUT),
            command_timeout=min(COMMAND_TIMEOUT, patience or COMMAND_TIMEOUT),
            server_settings=settings,
            connection_class=DatedConnection,
            # What the environment says about TLS and standbys is meant for other servers than our own.
            ssl=False if address.embedded else None,
            target_session_attrs=SessionAttribute.any if address.embedded else None,
        )


@contextmanager
def plain_errors(address: Address) -> Iterator[None]:
    """Turns driver errors into ours. Everything else passes; violations of constraints pass too."""
    try:
        yield
    except (
        *_AWAY,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        asyncpg.PostgresError,
        TimeoutError,
    ) as error:
        raise _plain(error, address) from error


def _plain(error: BaseException, address: Address) -> BaseException:
    where = address.label
    if isinstance(error, InvalidPasswordError | InvalidAuthorizationSpecificationError):
        return DatabaseUnreachableError(
            f"The database at {where} refused the user or password.",
            "Check LLM_BAWT_DATABASE_URL, or LLM_BAWT_POSTGRES_USER and LLM_BAWT_POSTGRES_PASSWORD.",
        )
    if isinstance(error, InvalidCatalogNameError):
        return DatabaseUnreachableError(
            f"There is no database {address.database} at {where}.",
            "Create it on that server first, or correct the name.",
        )
    if isinstance(error, UndefinedTableError | UndefinedColumnError | UndefinedFunctionError):
        return DatabaseError(
            f"The database at {where} does not have this release's tables.", "Run: bawt-console db upgrade"
        )
    if isinstance(error, DiskFullError):
        return DatabaseError(
            f"The disk of the database at {where} is full.", "Free some space; work resumes by itself."
        )
    if isinstance(error, ReadOnlySQLTransactionError):
        return DatabaseError(
            "This session is read-only.",
            "Start without --read-only, with a role and at a server that may write, to change things.",
        )
    if isinstance(error, InsufficientPrivilegeError):
        # The driver adds it; its stubs do not know.
        query: str | None = getattr(error, "query", None)
        if query and not _WRITING.search(_COMMENT.sub("", query)):
            return DatabaseError(
                f"The database user may not read these tables at {where}.",
                "Ask for a role that may: bawt_viewer reads jobs and runs, bawt_people what is known.",
            )
        return DatabaseError(
            f"The database user may not do this at {where}.", "Ask for a role that may write these tables."
        )
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return DatabaseUnreachableError(
            f"The database at {where} did not answer in time.", "Is it running and reachable?"
        )
    if isinstance(error, _AWAY):
        kind = "starting up or shutting down" if isinstance(error, CannotConnectNowError) else "not reachable"
        return DatabaseUnreachableError(
            f"The database at {where} is {kind}.",
            "Start it, or correct --database-url or the LLM_BAWT_ settings.",
        )
    if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in _PASSING:
        return DatabaseError(
            f"The database at {where} could not do this now (SQLSTATE {error.sqlstate}).",
            "It is tried again by itself; if it goes on, see the log of the server.",
        )
    if isinstance(error, asyncpg.InternalClientError):
        # The server's last words came between two steps of the driver, which then loses its way.
        return DatabaseUnreachableError(
            f"The connection to {where} was lost.", "It is opened again by itself."
        )
    if isinstance(error, asyncpg.InterfaceError):
        if "closed" in str(error) or "released" in str(error):
            return DatabaseUnreachableError(
                f"The connection to {where} was lost.", "It is opened again by itself."
            )
        return error
    return error
