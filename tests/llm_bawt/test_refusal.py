"""A service's database is never migrated unasked."""

import asyncpg
import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.migration import migrate, require_schema
from scheduler_core.errors import ForeignDatabaseError
from tests.command_line.program import Program

RELATIONS = "SELECT array_agg(oid::regclass::text || relfilenode ORDER BY 1) FROM pg_class"


async def test_no_release_of_its_database_is_migrated(service_url: str) -> None:
    database = Database.open(Address.parse(service_url), pool_size=2, application="tests")
    connection = await asyncpg.connect(service_url)
    before = await connection.fetchval(RELATIONS)
    for refuse in (migrate, require_schema):
        with pytest.raises(ForeignDatabaseError, match="tables of an llm-bawt service"):
            await refuse(database)
    assert await connection.fetchval(RELATIONS) == before
    await connection.close()
    await database.aclose()


@pytest.mark.parametrize(
    "arguments", [("--no-ui", "--once"), ("db", "upgrade"), ("profiles", "list"), ("brief",)], ids=" ".join
)
def test_a_command_says_in_one_sentence_what_can_be_done_instead(
    program: Program, arguments: tuple[str, ...]
) -> None:
    done = program.run(*arguments)
    assert (done.code, done.out) == (2, "")
    told = done.err.splitlines()[-1]
    assert all(word in told for word in ("--attach", "doctor", "adopt", "nothing was changed"))
