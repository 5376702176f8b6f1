"""Brings a database to this release's schema, once, however many processes start together.

Alembic does the work but is imported only when there is some: an up-to-date database costs one SELECT.
It does not downgrade, and it does not touch another application's tables or version table.
"""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_core.db.connect import Address, plain_errors
from scheduler_core.errors import DatabaseError, DatabaseTooNewError, ForeignDatabaseError

VERSION_TABLE = "llm_bawt_schema_version"
# llm-bawt's have the same names. Where one stands without our version table, it is not ours.
FIRST_TABLES = ("scheduled_jobs", "job_runs", "entity_profiles", "entity_profile_attributes")
MIGRATIONS = Path(__file__).parent / "migrations"

# Any fixed number will do, as long as every release uses the same one.
_LOCK = 0x6C6C6D5F62617774


def known_revisions() -> list[str]:
    """The revisions this release ships, oldest first; they are numbered by their file names."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


async def current_revision(engine: AsyncEngine, *, address: Address) -> str | None:
    """The revision of the database; None where there is no schema of ours yet."""
    with plain_errors(address):
        async with engine.connect() as connection:
            return await connection.run_sync(_current)


async def require_schema(engine: AsyncEngine, *, address: Address) -> None:
    """For sessions that may not migrate.

    Raises:
        ForeignDatabaseError: another application's tables are where ours would be.
        DatabaseError: there is no schema of ours, or an older one.
        DatabaseTooNewError: the database was migrated by a later release.
    """
    revision = await current_revision(engine, address=address)
    if revision is None and await is_foreign(engine, address=address):
        raise ForeignDatabaseError(address.label)
    if revision != known_revisions()[-1]:
        state = (
            "has no scheduler tables" if revision is None else f"is at schema {revision}, which is too old"
        )
        raise DatabaseError(f"The database at {address.label} {state}.", "Run: bawt-console db upgrade")


async def is_foreign(engine: AsyncEngine, *, address: Address) -> bool:
    """Whether another application's tables, such as llm-bawt's, are where ours would be."""
    with plain_errors(address):
        async with engine.connect() as connection:
            return await connection.run_sync(_foreign)


async def migrate(engine: AsyncEngine, *, address: Address) -> bool:
    """Migrates if needed and tells whether it did.

    Call it before other connections are opened: DDL invalidates their prepared statements.

    Raises:
        ForeignDatabaseError: another application's tables are where ours would be; nothing was changed.
        DatabaseTooNewError: the database was migrated by a later release.
    """
    if await current_revision(engine, address=address) == known_revisions()[-1]:
        return False
    with plain_errors(address):
        async with engine.connect() as connection:
            # The pool's connections autocommit; all of this is one transaction.
            transactional = await connection.execution_options(isolation_level="READ COMMITTED")
            async with transactional.begin():
                return await transactional.run_sync(_upgrade, address.label)


def _current(connection: Connection) -> str | None:
    # search_path decides, as it does for every later statement. to_regclass alone may answer from the
    # session's cache; reading pg_class first brings the news of what others committed meanwhile.
    exists = text("SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass(:name))")
    if not connection.scalar(exists, {"name": VERSION_TABLE}):
        return None
    revision = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    if revision is not None and revision not in known_revisions():
        raise DatabaseTooNewError(
            f"This database was made by a newer release (schema {revision}; this one knows up to "
            f"{known_revisions()[-1]}).",
            "Upgrade bawt-console; an older one would damage the data.",
        )
    return None if revision is None else str(revision)


def _foreign(connection: Connection) -> bool:
    names = text(
        "SELECT EXISTS (SELECT FROM pg_class"
        " WHERE oid = ANY (SELECT to_regclass(name) FROM unnest(CAST(:names AS text[])) name))"
    )
    return _current(connection) is None and bool(connection.scalar(names, {"names": list(FIRST_TABLES)}))


def _upgrade(connection: Connection, label: str) -> bool:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    # Whoever held the lock before us may have done the work.
    if _current(connection) == known_revisions()[-1]:
        return False
    if _foreign(connection):
        raise ForeignDatabaseError(label)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True
