"""Fixtures every test may ask for."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.embedded import EmbeddedServer
from scheduler_core.db.migration import migrate
from tests.postgres import run_statement, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """The one server of the suite."""
    with running_server() as server:
        yield server


@pytest.fixture
def empty_database(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a new database without any tables, dropped afterwards with whatever still uses it."""
    name = f"test_{secrets.token_hex(6)}"
    run_statement(postgres, f"CREATE DATABASE {name}")
    try:
        yield postgres.url_of(name)
    finally:
        run_statement(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedServer) -> str:
    """The name of a database that has the schema and nothing else; it is copied for each test."""
    name = "migrated_template"
    run_statement(postgres, f"CREATE DATABASE {name}")

    async def migrate_it() -> None:
        address = Address.parse(postgres.url_of(name))
        database = Database.open(address, pool_size=2, application="tests")
        await migrate(database.engine, address=address)
        await database.aclose()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(migrate_it())
    return name


@pytest.fixture
def database_url(postgres: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """The URL of a new database with the schema, dropped afterwards with whatever still uses it."""
    name = f"test_{secrets.token_hex(6)}"
    run_statement(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    try:
        yield postgres.url_of(name)
    finally:
        run_statement(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a new database with the schema."""
    opened = Database.open(Address.parse(database_url), pool_size=5, application="tests")
    yield opened
    await opened.aclose()
