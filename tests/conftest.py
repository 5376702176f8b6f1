"""Fixtures every test may ask for."""

import secrets
from collections.abc import Iterator

import pytest

from scheduler_core.db.embedded import EmbeddedServer
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
