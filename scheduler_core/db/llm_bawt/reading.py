"""A pool that reads a service's database with our own statements, and cannot write.

Each connection gets views of its own session under the names of our tables, made from the service's; they
are temporary and nobody else sees them. After that the server refuses every write of the session.
"""

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.database import Database
from scheduler_core.db.llm_bawt.shape import Owner, shape_of
from scheduler_core.db.notify import ChangeFeed
from scheduler_core.db.pool import DriverPool
from scheduler_core.db.statement import SQL
from scheduler_core.db.text import quoted
from scheduler_core.errors import DatabaseError

JOB_TABLES = ("scheduled_jobs", "job_runs")
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def uuid_of(column: str) -> str:
    """SQL for the id that our values carry for a text id: the same, where it is a UUID as it should be."""
    return f"(CASE WHEN {column}::text ~* '{_UUID}' THEN {column}::text ELSE md5({column}::text) END)::uuid"


async def owner_of(address: Address) -> Owner:
    """Whose tables the database holds.

    Raises:
        DatabaseError: it does not answer.
    """
    connection = await connect(address, application="bawt-console", read_only=True)
    try:
        with plain_errors(address):
            return (await shape_of(connection)).owner
    finally:
        await connection.close()


def reading_database(address: Address, *, pool_size: int, application: str) -> Database:
    """The pool; see the module."""

    async def open_one() -> Connection:
        connection = await connect(address, application=application)
        try:
            with plain_errors(address):
                await _see_as_ours(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    return Database(DriverPool(open_one, size=pool_size), address=address)


async def _see_as_ours(connection: Connection) -> None:
    shape = await shape_of(connection)
    if not shape.has(*JOB_TABLES):
        raise DatabaseError("This llm-bawt database has no jobs to show.", "Look with: bawt-console doctor")
    schema: str = await connection.fetchval(
        "SELECT nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = 'scheduled_jobs'::regclass"
    )
    script = (SQL / "llm_bawt" / "views.sql").read_text(encoding="utf-8")
    await connection.execute(
        script.format(
            schema=quoted(schema),
            job_uuid=uuid_of("j.id"),
            run_uuid=uuid_of("r.id"),
            run_job_uuid=uuid_of("r.job_id"),
        )
    )
    await connection.execute("SET default_transaction_read_only = on")


class LookingFeed(ChangeFeed):
    """For a database without our triggers: whatever may have changed is looked at every few seconds."""

    async def _may_listen(self, connection: Connection) -> bool:
        return False

    async def _ask(self, connection: Connection) -> None:
        await connection.execute("SELECT 1")
