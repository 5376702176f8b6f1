"""The driver's own pool, taught what a connection that broke says about its peers. It knows no SQL."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import asyncpg

from scheduler_core.db.connect import Connection, DatedConnection
from scheduler_core.errors import DatabaseError

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Lent = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

WAIT_FOR_FREE_SECONDS = 10.0
CLOSE_SECONDS = 2.0
RELEASE_SECONDS = 2.0
WITHOUT_END = 1_000_000_000_000
# The first byte of a jsonb on the wire.
JSONB_VERSION = b"\x01"


class PoolBusyError(DatabaseError):
    """Nothing came back in time."""

    def __init__(self) -> None:
        super().__init__(
            "Every database connection of this process is in use.", "Raise LLM_BAWT_DATABASE_POOL_SIZE."
        )


class DriverPool:
    """Lends connections, the latest used first.

    Args:
        open_one: opens a connection.
        size: most at once.
    """

    def __init__(self, open_one: Callable[[], Awaitable[Connection]], *, size: int) -> None:
        self._open_one = open_one
        self._size = size
        # The driver's pool may wait for a place or for the server, and does not say for which.
        self._places = asyncio.Semaphore(size)
        self._pool: Pool | None = None
        self._making = asyncio.Lock()
        self._lost_at = float("-inf")

    @asynccontextmanager
    async def lend(self, *, patience: float | None) -> AsyncIterator[Connection]:
        """
        Args:
            patience: seconds for a place, and again for a connection.

        Raises:
            PoolBusyError: every place stayed taken.
            TimeoutError: the server did not answer in time.
        """
        try:
            async with asyncio.timeout(min(WAIT_FOR_FREE_SECONDS, patience or WAIT_FOR_FREE_SECONDS)):
                await self._places.acquire()
        except TimeoutError:
            raise PoolBusyError from None
        try:
            pool = await self._made()
            async with asyncio.timeout(patience):
                lent, connection = await self._sound(pool)
            try:
                yield connection
            finally:
                if connection.is_closed():
                    self._lost_at = time.monotonic()
                elif connection.is_in_transaction():
                    # Its borrower was cancelled in mid-protocol.
                    connection.terminate()
                # A statement that was cancelled may still have to be called off, on a wire that may be dead.
                with suppress(TimeoutError):
                    await pool.release(lent, timeout=RELEASE_SECONDS)
        finally:
            self._places.release()

    async def aclose(self) -> None:
        """Closes what is idle in order and, after a while, what is still lent."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _made(self) -> "Pool":
        if self._pool is None:
            async with self._making:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        connect=self._connect,
                        min_size=0,
                        max_size=self._size,
                        max_queries=WITHOUT_END,
                        max_inactive_connection_lifetime=0,
                        # Nothing that a store does outlives its transaction, so there is nothing to ask the
                        # server to forget.
                        reset=_leave,
                    )
        return self._pool

    async def _connect(self, *_: Any, **__: Any) -> Connection:
        connection = await self._open_one()
        try:
            await _set_codecs(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _sound(self, pool: "Pool") -> "tuple[Lent, Connection]":
        """A connection that is not known to be broken; the caller need not hear of those that are."""
        while True:
            lent = await pool.acquire()
            # The pool's stand-in forgets its connection the moment that breaks, and then knows nothing.
            connection = cast("DatedConnection", lent).itself
            # What broke one connection broke those of the same age, and on a dead wire each would have
            # to be waited for.
            if connection.born >= self._lost_at:
                return lent, connection
            connection.terminate()


async def _leave(connection: Connection) -> None:
    pass


async def _set_codecs(connection: Connection) -> None:
    """As SQLAlchemy has them, so that a statement reads and writes the same on a host's engine: a text goes
    in, a value comes out. Binary, because COPY is.
    """
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=str.encode, decoder=json.loads, format="binary"
    )
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda text: JSONB_VERSION + text.encode(),
        decoder=lambda data: json.loads(data.removeprefix(JSONB_VERSION)),
        format="binary",
    )
