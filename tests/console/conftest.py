"""What tests of the console on a real database share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from scheduler_core.db.connect import Connection


@pytest.fixture
async def psql(database_url: str) -> AsyncIterator[Connection]:
    """Somebody else on the same database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
