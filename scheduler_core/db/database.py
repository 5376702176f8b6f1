"""Connections to one database. Stores take a `Database` and nothing else; a host may hand in its own engine.

Statements run on the driver's connection, which autocommits each one; `transaction` groups them. No statement
text lives here, and SQLAlchemy is loaded only where a host brings it: it takes longer to load than all else
that a command needs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, Self

import asyncpg

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.pool import DriverPool

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncEngine


class Lender(Protocol):
    """Lends connections, as many at once as it has places for. One that comes back closed, or within a
    transaction, is not lent again.
    """

    def lend(self, *, patience: float | None) -> "AbstractAsyncContextManager[Connection]": ...

    async def aclose(self) -> None: ...


class Database:
    """A pool of connections to one database.

    Args:
        lender: where they come from.
        address: for the words in errors and for opening the LISTEN connection.
        engine: a host's own, which `lender` borrows from.
        patience: seconds after which connecting, and what is done with a connection, is given up; None
            leaves that to the lender.
    """

    def __init__(
        self,
        lender: Lender,
        *,
        address: Address,
        engine: "AsyncEngine | None" = None,
        patience: float | None = None,
    ) -> None:
        self.address = address
        self.engine = engine
        self._lender = lender
        self._patience = patience

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

        async def open_one() -> Connection:
            return await connect(address, application=application, read_only=read_only, patience=patience)

        # Its connections know the limit themselves, for each statement.
        return cls(DriverPool(open_one, size=pool_size), address=address)

    @classmethod
    def of_host(cls, engine: "AsyncEngine", *, address: Address) -> Self:
        """On a host's own asyncpg engine, which stays open. Connections handed out are outside any SQLAlchemy
        transaction.
        """
        from scheduler_core.db.host_engine import EnginePool

        return cls(EnginePool(engine), address=address, engine=engine)

    def beside(self, *, pool_size: int, application: str, patience: float) -> "Database":
        """Another pool on the same database, which nobody who uses up this one can take.

        Beside a host's engine it connects as that one does, with pool and limits of the same kind.
        """
        if self.engine is None:
            return Database.open(
                self.address, pool_size=pool_size, application=application, patience=patience
            )
        from scheduler_core.db.host_engine import EnginePool

        return Database(EnginePool.beside(self.engine), address=self.address, patience=patience)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A driver connection on which every statement commits by itself.

        Raises:
            DatabaseUnreachableError, DatabaseError: instead of the driver's errors.
        """
        with plain_errors(self.address):
            async with self._lender.lend(patience=self._patience) as raw:
                try:
                    async with asyncio.timeout(self._patience):
                        yield raw
                except (TimeoutError, asyncpg.InternalClientError):
                    # The wire may be dead, and the driver waits on it once more before giving it up.
                    raw.terminate()
                    raise

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
        """Closes what is its own."""
        await self._lender.aclose()
