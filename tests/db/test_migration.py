"""A database is brought to this release once, whoever comes first, and never taken back."""

import asyncio
import sys

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.migration import MIGRATIONS, VERSION_TABLE, current_revision, known_revisions, migrate
from scheduler_core.errors import DatabaseTooNewError

MIGRATE = """
import asyncio, sys
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.migration import migrate
async def main():
    database = Database.open(Address.parse(sys.argv[1]), pool_size=2, application="tests")
    print(await migrate(database))
    await database.aclose()
asyncio.run(main())
"""


def opened(url: str) -> Database:
    return Database.open(Address.parse(url), pool_size=2, application="tests")


async def test_a_second_migration_finds_nothing_to_do(empty_database: str) -> None:
    database = opened(empty_database)
    assert await current_revision(database) is None
    assert await migrate(database)
    assert not await migrate(database)
    assert await current_revision(database) == known_revisions()[-1]
    await database.aclose()


async def test_processes_that_start_together_migrate_once(empty_database: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, empty_database, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    answers = [(await process.communicate())[0].decode().strip() for process in processes]
    assert sorted(answers) == ["False", "False", "False", "True"]


async def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(database_url: str) -> None:
    database = opened(database_url)
    async with database.connection() as connection:
        await connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(DatabaseTooNewError, match="newer release"):
        await migrate(database)
    async with database.connection() as connection:
        assert await connection.fetchval(f"SELECT version_num FROM {VERSION_TABLE}") == "9999"
    await database.aclose()


async def test_a_failing_migration_leaves_nothing_behind(empty_database: str) -> None:
    database = opened(empty_database)
    async with database.connection() as connection:
        # A host's table of the same name stands in the way half-way through.
        await connection.execute("CREATE TABLE memories (id int)")
    with pytest.raises(Exception, match="memories"):
        await migrate(database)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('scheduled_jobs')") is None
        assert await connection.fetchval("SELECT to_regclass('memories')") is not None
    await database.aclose()


def test_revisions_follow_each_other_one_by_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    chain = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert chain[::-1] == known_revisions()
