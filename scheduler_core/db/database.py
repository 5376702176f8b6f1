"""The pool. Stores take a `Database` and nothing else; a host may hand in its own engine.

Statements run on the driver's connection, which autocommits each one; `transaction` groups them. The
SQLAlchemy engine is the pool and what a host shares. No statement text lives here.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from scheduler_core.db.connect import Address, Connection, connect, plain_errors

WAIT_FOR_FREE_SECONDS = 10.0
BORN = "bawt_born"


class Database:
    """A pool of connections to one database.

    Args:
        engine: an asyncpg engine. Connections handed out by `connection` are outside any SQLAlchemy
            transaction.
        address: for the words in errors and for opening the LISTEN connection.
        owned: whether `aclose` disposes of the engine; False for a host's own.
        patience: seconds after which connecting, and what is done with a connection, is given up; None
            leaves that to the engine.
    """

    def __init__(
        self, engine: AsyncEngine, *, address: Address, owned: bool = True, patience: float | None = None
    ) -> None:
        self.engine = engine
        self.address = address
        self._owned = owned
        self._patience = patience
        self._lost_at = float("-inf")

    @classmethod
    def open(
        cls,
        address: Address,
        *,
        pool_size: int,
        application: str,
        read_only: bool = False,
        patience: float | None = None,
    ) -> Self:
        """Makes the pool; the first connection is opened on first use. `pool_size` is a hard limit."""
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: connect(
                address, application=application, read_only=read_only, patience=patience
            ),
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=min(WAIT_FOR_FREE_SECONDS, patience or WAIT_FOR_FREE_SECONDS),
            pool_use_lifo=True,
        )
        # Its connections know the limit themselves, for each statement.
        return cls(engine, address=address)

    def beside(self, *, pool_size: int, application: str, patience: float) -> "Database":
        """Another pool on the same database, which nobody who uses up this one can take.

        Beside a host's engine it connects as that one does, with pool and limits of the same kind.
        """
        if self._owned:
            return Database.open(
                self.address, pool_size=pool_size, application=application, patience=patience
            )
        pool = self.engine.sync_engine.pool.recreate()
        engine = create_async_engine(self.engine.url, pool=pool)
        return Database(engine, address=self.address, patience=patience)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A driver connection on which every statement commits by itself.

        Raises:
            DatabaseUnreachableError, DatabaseError: instead of the driver's errors.
        """
        with plain_errors(self.address):
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._patience):
                    borrowed = await stack.enter_async_context(self.engine.connect())
                    raw = await self._sound(borrowed)
                try:
                    async with asyncio.timeout(self._patience):
                        yield raw
                except (TimeoutError, asyncpg.InternalClientError):
                    # The wire may be dead, and the driver waits on it once more before giving it up.
                    raw.terminate()
                    raise
                finally:
                    # The pool sees only SQLAlchemy's errors, so a connection that broke under the
                    # driver, or was cancelled in mid-protocol, must not go back into it.
                    if raw.is_closed():
                        self._lost_at = time.monotonic()
                    if raw.is_closed() or raw.is_in_transaction():
                        raw.terminate()
                        await borrowed.invalidate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A driver connection inside one transaction; an exception rolls it back."""
        async with self.connection() as raw:
            transaction = raw.transaction()
            await transaction.start()
            try:
                yield raw
            except (TimeoutError, asyncio.CancelledError):
                # Rolling back on a dead wire would wait once more; the server does it by itself.
                raw.terminate()
                raise
            except BaseException:
                await transaction.rollback()
                raise
            else:
                await transaction.commit()

    async def aclose(self) -> None:
        if self._owned:
            await self.engine.dispose()

    async def _sound(self, borrowed: AsyncConnection) -> Connection:
        """A driver connection that is not known to be broken; the caller need not hear of those that are."""
        while True:
            pooled = await borrowed.get_raw_connection()
            raw: Connection | None = pooled.driver_connection
            assert raw is not None
            # What broke one connection broke those of the same age, and on a dead wire each would have
            # to be waited for.
            if not raw.is_closed() and pooled.info.setdefault(BORN, time.monotonic()) >= self._lost_at:
                return raw
            raw.terminate()
            await borrowed.invalidate()
