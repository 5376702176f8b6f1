"""Gives the summaries of an adoption's copies to the service, and takes them back.

Two columns of rows that the service made are written, `summary` and `summary_updated_at`, and nothing else of
its database. What stood there is kept in a table beside the copies, in the same transaction. The first
publication makes that table and taking back drops it, rather than a migration: a database of our own has no
service, so there it would stand empty for ever; and as long as it is there, it says that something is given.

Memories are not given: a service has no place for what a memory was merged from, so they could not be taken
back one by one. Whether the service makes use of a summary, and for how long it leaves it, is its own affair.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from asyncpg.exceptions import LockNotAvailableError

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.llm_bawt.copies import SCHEMA, hold, require_adopted
from scheduler_core.db.llm_bawt.shape import Owner, shape_of
from scheduler_core.db.profile_rows import entity_of
from scheduler_core.db.rows import Row
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import Entity
from scheduler_core.errors import StateError

TABLE = "llm_bawt_published"
# Seconds to wait for rows that the service is writing.
PATIENCE = 10
_APPLICATION = "bawt adopt"
_WRITTEN = frozenset({"id", "summary", "summary_updated_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One summary of the service that is replaced, or would be. It holds no text.

    Attributes:
        before: characters of what stands there now; None for no summary.
        after: characters of what stands there afterwards; likewise.
        is_behind: the service has learned of the entity since the copies were made, so ours lacks that.
    """

    entity: Entity
    before: int | None
    after: int | None
    is_behind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a publication gave, or would.

    Attributes:
        same: profiles of which the service has our summary already.
        unwritten: copied profiles that have no summary of ours yet.
        missing: profiles with a summary of ours of which the service has no row, or none any more.
        moved: profiles that the service was writing meanwhile; they are as it wrote them.
    """

    given: tuple[Change, ...]
    same: int
    unwritten: int
    missing: tuple[Entity, ...]
    moved: tuple[Entity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What taking back put back, or would.

    Attributes:
        left: profiles of which the service has written another summary since; it stays.
        gone: profiles of which the service deleted its row since.
    """

    put_back: tuple[Change, ...]
    left: tuple[Entity, ...]
    gone: tuple[Entity, ...]


async def plan_publication(address: Address) -> Publication:
    """Says what `publish` would do; the server refuses every write of this session.

    Raises:
        StateError: this is no service's database, or it is not adopted.
    """
    async with _reading(address) as connection:
        await _require_service(connection)
        return await _planned(connection)


async def publish(address: Address, *, actor: str) -> Publication:
    """Gives the live summary of each copied profile to the service where it has another, in one transaction.

    Args:
        actor: who asks, for the record in the copies.

    Raises:
        StateError: this is no service's database, or it is not adopted, or its rows are in use for long.
        DatabaseError: the user may not write there, or the database went away; nothing was changed.
    """
    async with _writing(address) as connection:
        await _require_service(connection)
        planned = await _planned(connection)
        if not planned.given:
            return planned
        await connection.execute(_sql("published"))
        done = _publication(await connection.fetch(_sql("publish")))
        await _record(connection, actor, "publish", len(done.given), len(done.moved))
        return done


async def plan_taking_back(address: Address) -> TakenBack:
    """Says what `unpublish` would do; the server refuses every write of this session.

    Raises:
        StateError: nothing is published.
    """
    async with _reading(address) as connection:
        await require_adopted(connection)
        return _required(await planned_taking_back(connection))


async def unpublish(address: Address, *, actor: str) -> TakenBack:
    """Puts back exactly what stood in the service, but where it has written another summary since.

    Raises:
        StateError: nothing is published, or the service's rows are in use for long.
        DatabaseError: the user may not write there, or the database went away; nothing was changed.
    """
    async with _writing(address) as connection:
        await require_adopted(connection)
        done = _required(await take_back(connection))
        await _record(connection, actor, "unpublish", len(done.put_back), len(done.left))
        return done


async def planned_taking_back(connection: Connection) -> TakenBack | None:
    """What `take_back` would do; None where nothing is published."""
    if not await _is_anything_given(connection):
        return None
    await _require_service(connection)
    return _taken_back(await connection.fetch(_sql("plan_taking_back")))


async def take_back(connection: Connection) -> TakenBack | None:
    """Puts back what stood in the service and forgets about it; in the caller's transaction, which holds
    `copies.hold`. None where nothing is published.

    Raises:
        StateError: the search path leads to the copies instead of the service's tables.
    """
    if not await _is_anything_given(connection):
        return None
    await _require_service(connection)
    done = _taken_back(await connection.fetch(_sql("take_back")))
    # Of those that are left nothing of ours stands anywhere, so there is nothing more to put back.
    await connection.execute(f"DROP TABLE {SCHEMA}.{TABLE}")
    return done


async def require_not_given(connection: Connection, entity: Entity) -> None:
    """For whoever deletes a profile where the search path leads to the copies, or to a database of our own.

    Raises:
        StateError: the service holds its summary, and only the copy knows what to put back.
    """
    if not await _is_anything_given(connection, schema=None):
        return
    given = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM {TABLE} b JOIN entity_profiles p ON p.id = b.profile_id"
        " WHERE p.entity_type = $1 AND p.entity_id = $2)",
        entity.type.value,
        entity.id,
    )
    if given:
        raise StateError(
            f"The summary of {entity} was given to the llm-bawt service.",
            "Take summaries back first: bawt-console adopt --unpublish",
        )


@asynccontextmanager
async def _reading(address: Address) -> AsyncIterator[Connection]:
    connection = await connect(address, application=_APPLICATION, read_only=True)
    try:
        with plain_errors(address):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _writing(address: Address) -> AsyncIterator[Connection]:
    # What is somebody else's is not written where the server or the URL says that this session only reads.
    connection = await connect(address, application=_APPLICATION, read_only=None)
    try:
        with plain_errors(address), _in_time():
            # Only at this level an UPDATE that waited for the service compares with what it wrote.
            async with connection.transaction(isolation="read_committed"):
                await connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
                await hold(connection)
                yield connection
    finally:
        await connection.close()


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except LockNotAvailableError as error:
        raise StateError(
            f"Somebody has been writing to the profiles for more than {PATIENCE} seconds.",
            "Nothing was changed; try it again.",
        ) from error


async def _require_service(connection: Connection) -> None:
    await require_adopted(connection, "Adopt it first: bawt-console adopt")
    shape = await shape_of(connection)
    if shape.owner is Owner.OURS:
        raise StateError(
            "This address leads to the copies, not to the service's own tables.",
            f"Leave options=-csearch_path={SCHEMA} out of it.",
        )
    if not shape.has("entity_profiles", "entity_profile_attributes"):
        raise StateError("There are no profiles of an llm-bawt service here any more.")
    if _WRITTEN - shape.tables["entity_profiles"]:
        raise StateError("The profiles of this llm-bawt service have no place for a summary.")


async def _is_anything_given(connection: Connection, schema: str | None = SCHEMA) -> bool:
    """Whether the table is there; None stands for the first schema of the search path."""
    # Read from the catalogue itself: to_regclass may not know yet what another session has just committed.
    given: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = coalesce($1, current_schema()) AND c.relname = $2)",
        schema,
        TABLE,
    )
    return given


async def _planned(connection: Connection) -> Publication:
    return _publication(await connection.fetch(_sql("plan_publication")))


async def _record(connection: Connection, actor: str, action: str, summaries: int, left: int) -> None:
    await connection.execute(
        f"INSERT INTO {SCHEMA}.operator_actions (actor, action, object_type, object_id, details)"
        " VALUES ($1, $2, 'profile', 'llm-bawt service',"
        " jsonb_build_object('summaries', $3::integer, 'left', $4::integer))",
        storable(actor),
        action,
        summaries,
        left,
    )


def _publication(rows: Sequence[Row]) -> Publication:
    """From rows that say of each copied profile what is wanted and what was done."""
    there = [row for row in rows if row["is_written"] and row["service_id"] is not None]
    return Publication(
        given=tuple(
            Change(
                entity=entity_of(row),
                before=row["length_before"],
                after=row["length_given"],
                is_behind=row["is_behind"],
            )
            for row in there
            if row["is_done"]
        ),
        same=sum(not row["is_wanted"] for row in there),
        unwritten=sum(not row["is_written"] for row in rows),
        missing=tuple(entity_of(row) for row in rows if row["is_written"] and row["service_id"] is None),
        moved=tuple(entity_of(row) for row in there if row["is_wanted"] and not row["is_done"]),
    )


def _taken_back(rows: Sequence[Row]) -> TakenBack:
    other = [row for row in rows if not row["is_done"]]
    return TakenBack(
        put_back=tuple(
            Change(entity=entity_of(row), before=row["length_given"], after=row["length_before"])
            for row in rows
            if row["is_done"]
        ),
        left=tuple(entity_of(row) for row in other if row["service_id"] is not None),
        gone=tuple(entity_of(row) for row in other if row["service_id"] is None),
    )


def _required(taken: TakenBack | None) -> TakenBack:
    if taken is None:
        raise StateError("No summary was given to the service.", "There is nothing to take back.")
    return taken


def _sql(name: str) -> str:
    return statement(f"llm_bawt/{name}").text.format(
        copies=SCHEMA, publishable=statement("llm_bawt/publishable").text.format(copies=SCHEMA)
    )
