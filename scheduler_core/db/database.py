"""The pool. Stores take a `Database` and nothing else; a host may hand in its own engine.

Statements run on the driver's connection, which autocommits each one; `transaction` groups them. The
SQLAlchemy engine is the pool and what a host shares. No statement text lives here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from scheduler_core.db.connect import Address, Connection, connect, plain_errors


class Database:
    """A pool of connections to one database.

    Args:
        engine: an asyncpg engine. Connections handed out by `connection` are outside any SQLAlchemy
            transaction.
        address: for the words in errors and for opening the LISTEN connection.
        owned: whether `aclose` disposes of the engine; False for a host's own.
    """

    def __init__(self, engine: AsyncEngine, *, address: Address, owned: bool = True) -> None:
        self.engine = engine
        self.address = address
        self._owned = owned

    @classmethod
    def open(cls, address: Address, *, pool_size: int, application: str, read_only: bool = False) -> Self:
        """Makes the pool; the first connection is opened on first use. `pool_size` is a hard limit."""
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: connect(address, application=application, read_only=read_only),
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_use_lifo=True,
        )
        return cls(engine, address=address)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A driver connection on which every statement commits by itself.

        Raises:
            DatabaseUnreachableError, DatabaseError: instead of the driver's errors.
        """
        with plain_errors(self.address):
            async with self.engine.connect() as borrowed:
                raw = await _driver(borrowed)
                while raw.is_closed():
                    # It broke while it lay in the pool; the caller need not hear of it.
                    await borrowed.invalidate()
                    raw = await _driver(borrowed)
                try:
                    yield raw
                except (TimeoutError, asyncpg.InternalClientError):
                    # The wire may be dead, and the driver waits on it once more before giving it up.
                    raw.terminate()
                    raise
                finally:
                    # The pool sees only SQLAlchemy's errors, so a connection that broke under the
                    # driver, or was cancelled in mid-protocol, must not go back into it.
                    if raw.is_closed() or raw.is_in_transaction():
                        raw.terminate()
                        await borrowed.invalidate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A driver connection inside one transaction; an exception rolls it back."""
        async with self.connection() as raw, raw.transaction():
            yield raw

    async def aclose(self) -> None:
        if self._owned:
            await self.engine.dispose()


async def _driver(borrowed: AsyncConnection) -> Connection:
    raw = (await borrowed.get_raw_connection()).driver_connection
    assert raw is not None
    connection: Connection = raw
    return connection
