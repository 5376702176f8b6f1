"""A pool beside another one: whoever uses up that one leaves it alone, and it does not wait for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.errors import DatabaseUnreachableError

PATIENCE = 0.3


@pytest.fixture(params=["our own", "a host's"])
async def crowded(request: pytest.FixtureRequest, empty_database: str) -> AsyncIterator[Database]:
    """A pool of one connection."""
    address = Address.parse(empty_database)
    if request.param == "our own":
        database = Database.open(address, pool_size=1, application="tests")
        yield database
        await database.aclose()
    else:
        url = empty_database.replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(url, pool_size=1, max_overflow=0)
        yield Database.of_host(engine, address=address)
        await engine.dispose()


@pytest.fixture
async def beside(crowded: Database) -> AsyncIterator[Database]:
    database = crowded.beside(pool_size=1, application="tests beside", patience=PATIENCE)
    yield database
    await database.aclose()


async def begin_and_sleep(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE half (id integer)")
        await connection.execute("SELECT pg_sleep(60)")


async def test_a_pool_beside_one_that_is_used_up_is_free(crowded: Database, beside: Database) -> None:
    async with crowded.connection(), beside.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_what_takes_too_long_ends_in_words_and_the_next_one_works(beside: Database) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(DatabaseUnreachableError, match="did not answer in time"):
            await begin_and_sleep(beside)
        async with beside.connection() as connection:
            assert await connection.fetchval("SELECT to_regclass('half')") is None


async def test_a_cancelled_transaction_stays_cancelled(beside: Database) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with beside.transaction() as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
