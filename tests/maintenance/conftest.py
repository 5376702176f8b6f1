"""A migrated database with a profile store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.migration import migrate
from scheduler_core.db.profile_file import bounded_lines, import_profiles
from scheduler_core.db.profile_store import ProfileStore

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "profiles.jsonl"


@pytest.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    address = Address.parse(empty_database)
    opened = Database.open(address, pool_size=4, application="test")
    try:
        await migrate(opened)
        yield opened
    finally:
        await opened.aclose()


@pytest.fixture
async def store(database: Database) -> ProfileStore:
    return ProfileStore(database)


@pytest.fixture
async def example(store: ProfileStore) -> ProfileStore:
    """A store with the example file in it."""
    with EXAMPLE.open("rb") as stream:
        report = await import_profiles(store, bounded_lines(stream))
    assert report.rejected == ()
    return store
