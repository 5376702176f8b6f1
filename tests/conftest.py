"""Fixtures every test may ask for."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.embedded.server import EmbeddedServer
from scheduler_core.db.migration import migrate
from tests.postgres import run_statement, running_server

MOST_WORKERS = 6

# How fast an example is made says something about the machine, and nothing about the product.
settings.register_profile("patient", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Several workers for the whole suite, one more than cores because much of it waits; none for a part of
    it, which would be over before they are up, nor for updating pictures, which only one process can."""
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS or config.getoption("lf", False)
    alone = config.option.markexpr.startswith(("slow", "endurance")) or config.getoption(
        "update_snapshots", False
    )
    return 0 if chosen or alone else min(MOST_WORKERS, (os.cpu_count() or 1) + 1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """The one server of the suite, or of this worker's part of it."""
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
        await migrate(database)
        await database.aclose()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(migrate_it())
    return name


@pytest.fixture
def database_url(postgres: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """The URL of a new database with the schema, dropped afterwards with whatever still uses it."""
    name = f"test_{secrets.token_hex(6)}"
    run_statement(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy")
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
