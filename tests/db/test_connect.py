"""Addresses and the words of connection errors."""

import pytest

from scheduler_core.db.connect import Address, connect
from scheduler_core.errors import ConfigError, DatabaseError, DatabaseUnreachableError

SECRET = "hunter2"
URL = f"postgresql+asyncpg://ada:{SECRET}@db.example:5433/llm_bawt"


def test_an_address_is_shown_without_user_or_password() -> None:
    address = Address.parse(URL)
    assert address.label == "db.example:5433/llm_bawt"
    assert SECRET not in repr(address)
    assert address.dsn_without_password == "postgresql://ada@db.example:5433/llm_bawt"
    assert address.password == SECRET


@pytest.mark.parametrize("url", ["mysql://x/y", "llm_bawt", "postgresql://host:port/db", "postgresql://host"])
def test_an_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Address.parse(url)
    assert "postgresql://USER" in caught.value.hint


async def test_nobody_at_the_port_is_a_sentence() -> None:
    with pytest.raises(DatabaseUnreachableError, match="not reachable"):
        await connect(Address.parse("postgresql://ada@127.0.0.1:1/llm_bawt"), application="tests")


async def test_a_missing_database_is_named(empty_database: str) -> None:
    with pytest.raises(DatabaseUnreachableError, match="no database nowhere"):
        await connect(
            Address.parse(empty_database.replace(empty_database.split("/")[3].split("?")[0], "nowhere")),
            application="tests",
        )


async def test_a_read_only_session_is_refused_by_the_server(database_url: str) -> None:
    from scheduler_core.db.database import Database

    database = Database.open(Address.parse(database_url), pool_size=1, application="tests", read_only=True)
    with pytest.raises(DatabaseError, match="read-only"):
        async with database.connection() as connection:
            await connection.execute("DELETE FROM scheduled_jobs")
    await database.aclose()
