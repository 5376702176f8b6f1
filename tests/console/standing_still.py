"""A database whose clock stands still, at the moment of pictures."""

from datetime import UTC, datetime

from scheduler_core.db.database import Database

NOW = datetime(2026, 11, 22, 3, 14, 7, tzinfo=UTC)

# What the database's own statements take for the clock: the functions of this schema are found before the
# system's.
_CLOCK = """
CREATE SCHEMA still;
CREATE FUNCTION still.now() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN '2026-11-22 03:14:07+00'::timestamptz;
CREATE FUNCTION still.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE RETURN still.now();
CREATE FUNCTION still.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE RETURN still.now();
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = still, pg_catalog, public', current_database());
END $$;
"""


async def stand_still(database: Database) -> Database:
    """Stops the clock for connections from now on; returns a pool of such, which the caller closes."""
    async with database.connection() as connection:
        await connection.execute(_CLOCK)
    return Database.open(database.address, pool_size=2, application="tests")
