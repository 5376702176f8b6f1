"""The upgrade itself, by Alembic, which wants a connection of SQLAlchemy's. Loaded only when one is due."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from scheduler_core.db.connect import connect
from scheduler_core.db.database import Database
from scheduler_core.db.host_engine import driver_errors
from scheduler_core.db.migration import (
    HAS_SCHEMA,
    IS_FOREIGN,
    MIGRATIONS,
    REVISION,
    checked_revision,
    known_revisions,
)
from scheduler_core.errors import ForeignDatabaseError

# Any fixed number will do, as long as every release uses the same one.
_LOCK = 0x6C6C6D5F62617774


async def upgrade(database: Database) -> bool:
    """Brings the schema up to date in one transaction, and tells whether that was left to do.

    Raises:
        ForeignDatabaseError, DatabaseTooNewError: see `db.migration`; nothing was changed.
    """
    with driver_errors():
        async with _engine(database) as engine, engine.connect() as connection:
            transactional = await connection.execution_options(isolation_level="READ COMMITTED")
            async with transactional.begin():
                return await transactional.run_sync(_upgrade, database.address.label)


@asynccontextmanager
async def _engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The host's, or one for this alone."""
    if database.engine is not None:
        yield database.engine
        return
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(database.address, application="bawt migration"),
    )
    try:
        yield engine
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, label: str) -> bool:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    # Whoever held the lock before us may have done the work.
    has_schema = connection.scalar(text(HAS_SCHEMA))
    revision = checked_revision(connection.scalar(text(REVISION))) if has_schema else None
    if revision == known_revisions()[-1]:
        return False
    if revision is None and connection.scalar(text(IS_FOREIGN)):
        raise ForeignDatabaseError(label)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True
