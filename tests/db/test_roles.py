"""Roles with no more rights than they need: who only looks cannot write, and nobody reads people unasked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from uuid import UUID

import asyncpg
import pytest

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.lookback import Lookback
from scheduler_core.db.operations import Operations
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Entity, EntityType, RunMode
from scheduler_core.errors import DatabaseError

ROLES = files("scheduler_core.db").joinpath("roles.sql").read_text(encoding="utf-8")
PEOPLE = ("entity_profiles", "entity_profile_attributes", "memories", "memory_archive", "run_plans")


class Acting:
    """Lends the connections of a database, acting as a role."""

    def __init__(self, of: Database, role: str) -> None:
        self._of, self._role = of, role

    @asynccontextmanager
    async def lend(self, *, patience: float | None) -> AsyncIterator[Connection]:
        async with self._of.connection() as raw:
            await raw.execute(f"SET ROLE {self._role}")
            try:
                yield raw
            finally:
                await raw.execute("RESET ROLE")

    async def aclose(self) -> None:
        pass


def acting(database: Database, role: str) -> Database:
    return Database(Acting(database, role), address=database.address)


@pytest.fixture
async def job(database: Database) -> UUID:
    """A job on a database that has the roles, made twice, as after an upgrade."""
    async with database.connection() as connection:
        await connection.execute(ROLES)
        await connection.execute(ROLES)
        found: UUID = await connection.fetchval(
            "INSERT INTO scheduled_jobs (job_type, interval_minutes) VALUES ('x', 60) RETURNING id"
        )
    return found


async def test_a_viewer_reads_what_the_console_shows_of_jobs(database: Database, job: UUID) -> None:
    viewer = acting(database, "bawt_viewer")
    history, lookback = History(viewer), Lookback(viewer)
    assert [each.job.id for each in await history.jobs()] == [job]
    await history.runs()
    await history.nodes()
    await lookback.running_runs()
    await lookback.brief(datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_viewer_can_write_into_no_table(database: Database, job: UUID) -> None:
    async with acting(database, "bawt_viewer").connection() as connection:
        tables = [
            row["name"]
            for row in await connection.fetch(
                "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
            )
        ]
        assert len(tables) > 15
        for table in tables:
            for statement in (
                f"INSERT INTO {table} DEFAULT VALUES",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
                f"DROP TABLE {table}",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


@pytest.mark.parametrize("role", ["bawt_viewer", "bawt_operator"])
@pytest.mark.parametrize("table", PEOPLE)
async def test_what_is_known_of_people_is_for_those_who_were_given_it(
    database: Database, job: UUID, role: str, table: str
) -> None:
    async with acting(database, role).connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {table}")
    async with acting(database, "bawt_people").connection() as connection:
        assert await connection.fetch(f"SELECT * FROM {table}") == []


async def test_an_operator_acts_on_jobs_and_runs(database: Database, job: UUID) -> None:
    operator = acting(database, "bawt_operator")
    operations = Operations(operator, actor="tests")
    await operations.pause(job, reason="holidays")
    await operations.resume(job)
    [run] = await operations.force_run(job, dry_run=True)
    assert run.mode is RunMode.DRY_RUN
    await operations.cancel(run.id)
    async with operator.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM operator_actions") == 4
        for statement in (
            "DELETE FROM job_runs",
            "DELETE FROM operator_actions",
            "DELETE FROM scheduled_jobs",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_who_may_not_read_gets_a_sentence(database: Database, job: UUID) -> None:
    with pytest.raises(DatabaseError, match=r"."):
        await ProfileStore(acting(database, "bawt_viewer")).attributes(Entity(EntityType.USER, "ada"))
