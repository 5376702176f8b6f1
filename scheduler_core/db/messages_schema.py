"""Brings PgQueuer's tables, in their own schema, to the release of PgQueuer that is installed here.

Which release made them is a row of ours, so tables that are up to date cost one SELECT. PgQueuer plans what
is missing; a database that a newer PgQueuer made is left as it is.
"""

import re
from importlib.metadata import version

from scheduler_core.db.connect import Connection, connect, plain_errors
from scheduler_core.db.database import Database
from scheduler_core.db.messages import SCHEMA, Messages, is_installed
from scheduler_core.errors import DatabaseError

NAME = "pgqueuer"

# Any fixed number will do, as long as every release uses the same one.
_LOCK = 0x6C6C6D5F70677165


async def messages_version(database: Database) -> str | None:
    """The release of PgQueuer that made the tables of this database; None where there are none."""
    async with database.connection() as connection:
        return await _recorded(connection)


async def upgrade_messages(database: Database) -> bool:
    """Installs or upgrades if need be and tells whether it did. Call it before anybody takes messages.

    Raises:
        ConfigError: PgQueuer is not installed.
        DatabaseError: the tables were changed by hand in a way that PgQueuer refuses to guess about.
    """
    messages = Messages()
    if not _is_older(await messages_version(database)):
        return False
    # A connection of its own: the lock is the session's, because PgQueuer's steps cannot be one transaction.
    connection = await connect(database.address, application="bawt schema")
    try:
        with plain_errors(database.address):
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
            # Whoever held the lock before us may have done the work.
            if not _is_older(await _recorded(connection)):
                return False
            await _converge(connection, messages)
    finally:
        connection.terminate()
    return True


async def upgrade_messages_if_there(database: Database) -> str | None:
    """Upgrades the tables of a database that has them, if PgQueuer is installed; the release they are at."""
    if is_installed() and await messages_version(database) is not None:
        await upgrade_messages(database)
    return await messages_version(database)


async def _converge(connection: Connection, messages: Messages) -> None:
    from pgqueuer.domain.errors import SchemaDriftError

    queries = messages.on(connection)
    try:
        if await queries.schema_is_installed():
            await queries.apply_upgrade()
        else:
            await queries.install()
    except SchemaDriftError as error:
        raise DatabaseError(
            f"The tables in the schema {SCHEMA} are not as PgQueuer left them.",
            f"Nothing in them is needed: DROP SCHEMA {SCHEMA} CASCADE, then run: bawt-console db upgrade",
        ) from error
    await connection.execute(
        "INSERT INTO llm_bawt_libraries (name, version) VALUES ($1, $2)"
        " ON CONFLICT (name) DO UPDATE SET version = excluded.version, upgraded_at = now()",
        NAME,
        version(NAME),
    )


async def _recorded(connection: Connection) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT version FROM llm_bawt_libraries WHERE name = $1 AND EXISTS ("
        " SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $2 AND c.relname = 'pgqueuer')",
        NAME,
        SCHEMA,
    )
    return found


def _is_older(recorded: str | None) -> bool:
    return recorded is None or _numbers(recorded) < _numbers(version(NAME))


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])
