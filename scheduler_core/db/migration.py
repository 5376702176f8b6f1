"""Brings a database to this release's schema, once, however many processes start together.

Alembic does the work but is imported only when there is some: an up-to-date database costs one SELECT.
It does not downgrade, and it does not touch another application's tables or version table.
"""

from pathlib import Path

from scheduler_core.db.connect import Connection, plain_errors
from scheduler_core.db.database import Database
from scheduler_core.errors import DatabaseError, DatabaseTooNewError, ForeignDatabaseError

VERSION_TABLE = "llm_bawt_schema_version"
# llm-bawt's have the same names. Where one stands without our version table, it is not ours.
FIRST_TABLES = ("scheduled_jobs", "job_runs", "entity_profiles", "entity_profile_attributes")
MIGRATIONS = Path(__file__).parent / "migrations"

# search_path decides, as it does for every later statement. to_regclass alone may answer from the session's
# cache; reading pg_class first brings the news of what others committed meanwhile.
HAS_SCHEMA = f"SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('{VERSION_TABLE}'))"
REVISION = f"SELECT version_num FROM {VERSION_TABLE}"
IS_FOREIGN = (
    "SELECT EXISTS (SELECT FROM pg_class WHERE oid = ANY (SELECT to_regclass(name)"
    f" FROM unnest(ARRAY{list(FIRST_TABLES)}) name))"
)


def known_revisions() -> list[str]:
    """The revisions this release ships, oldest first; they are numbered by their file names."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


# Of what every schema of ours has, the part that only those may change who may change jobs too.
MAY_WRITE = (
    "SELECT NOT current_setting('transaction_read_only')::boolean"
    " AND coalesce(has_table_privilege(to_regclass('scheduler_seeds'), 'UPDATE'), true)"
)


async def current_revision(database: Database) -> str | None:
    """The revision of the database; None where there is no schema of ours yet.

    Raises:
        DatabaseTooNewError: it was migrated by a later release.
    """
    async with database.connection() as connection:
        return await _current(connection)


async def require_schema(database: Database) -> None:
    """For sessions that may not migrate.

    Raises:
        ForeignDatabaseError: another application's tables are where ours would be.
        DatabaseError: there is no schema of ours, or an older one.
        DatabaseTooNewError: the database was migrated by a later release.
    """
    label = database.address.label
    revision = await current_revision(database)
    if revision is None and await is_foreign(database):
        raise ForeignDatabaseError(label)
    if revision != known_revisions()[-1]:
        state = (
            "has no scheduler tables" if revision is None else f"is at schema {revision}, which is too old"
        )
        raise DatabaseError(f"The database at {label} {state}.", "Run: bawt-console db upgrade")


async def is_foreign(database: Database) -> bool:
    """Whether another application's tables, such as llm-bawt's, are where ours would be."""
    async with database.connection() as connection:
        return await _current(connection) is None and bool(await connection.fetchval(IS_FOREIGN))


async def may_write(database: Database) -> bool:
    """Whether role and server let this session change jobs. Where there is no schema yet, it may try."""
    async with database.connection() as connection:
        return bool(await connection.fetchval(MAY_WRITE))


async def migrate(database: Database) -> bool:
    """Migrates if needed and tells whether it did.

    Call it before other connections are opened: DDL invalidates their prepared statements.

    Raises:
        ForeignDatabaseError: another application's tables are where ours would be; nothing was changed.
        DatabaseTooNewError: the database was migrated by a later release.
    """
    if await current_revision(database) == known_revisions()[-1]:
        return False
    from scheduler_core.db.upgrade import upgrade

    with plain_errors(database.address):
        return await upgrade(database)


def checked_revision(revision: str | None) -> str | None:
    """
    Raises:
        DatabaseTooNewError: this release does not know it.
    """
    if revision is not None and revision not in known_revisions():
        raise DatabaseTooNewError(
            f"This database was made by a newer release (schema {revision}; this one knows up to "
            f"{known_revisions()[-1]}).",
            "Upgrade bawt-console; an older one would damage the data.",
        )
    return revision


async def _current(connection: Connection) -> str | None:
    if not await connection.fetchval(HAS_SCHEMA):
        return None
    return checked_revision(await connection.fetchval(REVISION))
