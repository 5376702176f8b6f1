"""The schema that holds the copies of an adoption: its name, what it says of itself, and whose turn it is."""

from scheduler_core.db.connect import Connection
from scheduler_core.errors import StateError

SCHEMA = "bawt"
# What says that the schema is ours to drop; and, until everything is copied, that it is not of use yet.
DONE = "Copies that bawt-console adopt made; bawt-console adopt --undo drops them."
UNFINISHED = "An adoption by bawt-console that is not finished."

# Any fixed number will do; the service does not know it.
_LOCK = 0x62617774_61646F70


async def comment_of(connection: Connection) -> str | None:
    """What the schema says of itself; None where there is no schema."""
    comment: str | None = await connection.fetchval(
        "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1",
        SCHEMA,
    )
    return comment


async def require_adopted(connection: Connection, hint: str = "There is nothing to take back.") -> None:
    """
    Raises:
        StateError: there is no finished adoption.
    """
    if await comment_of(connection) != DONE:
        raise StateError("This database is not adopted.", hint)


async def hold(connection: Connection) -> None:
    """Lets one transaction at a time publish, take back or drop; what it finds then stays so."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
