"""Connections from a host's SQLAlchemy engine. Only this module and `upgrade` know that library."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from scheduler_core.db.connect import Connection
from scheduler_core.db.pool import PoolBusyError

BORN = "bawt_born"


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turns SQLAlchemy's errors into the driver's, which it wraps."""
    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        raise cause or error.orig or error from error
    except PoolTimeoutError as error:
        raise PoolBusyError from error


class EnginePool:
    """Lends the driver connections beneath those of an engine.

    Args:
        owned: whether `aclose` disposes of the engine; False for a host's own.
    """

    def __init__(self, engine: AsyncEngine, *, owned: bool = False) -> None:
        self._engine = engine
        self._owned = owned
        self._lost_at = float("-inf")

    @classmethod
    def beside(cls, engine: AsyncEngine) -> Self:
        """With a pool of its own that connects as the engine's does."""
        pool = engine.sync_engine.pool.recreate()
        return cls(create_async_engine(engine.url, pool=pool), owned=True)

    @asynccontextmanager
    async def lend(self, *, patience: float | None) -> AsyncIterator[Connection]:
        """
        Args:
            patience: seconds for a place and a connection together.

        Raises:
            PoolBusyError: every place stayed taken, as long as the engine waits.
            TimeoutError: the server did not answer in time.
        """
        with driver_errors():
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(patience):
                    borrowed = await stack.enter_async_context(self._engine.connect())
                    raw = await self._sound(borrowed)
                try:
                    yield raw
                finally:
                    # The pool sees only SQLAlchemy's errors, so a connection that broke under the
                    # driver, or was cancelled in mid-protocol, must not go back into it.
                    if raw.is_closed():
                        self._lost_at = time.monotonic()
                    if raw.is_closed() or raw.is_in_transaction():
                        raw.terminate()
                        await borrowed.invalidate()

    async def aclose(self) -> None:
        if self._owned:
            await self._engine.dispose()

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
