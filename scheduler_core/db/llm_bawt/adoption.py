"""Lets our maintenance work on what an llm-bawt service knows, beside the service and not in its way.

Our schema is made in a PostgreSQL schema of its own in the service's database, and profiles, attributes and
memories are copied into it. Not one row, table or setting of the service is changed, so its service goes on
as before and sees nothing of what is done to the copies; taking the adoption back drops the copies, and the
database is byte for byte as it was. Changing its tables instead could break a service that we cannot test.
What `publication` gave to the service is put back first.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, fields, replace
from urllib.parse import quote

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.database import Database
from scheduler_core.db.doctor import WRONG_NAMES
from scheduler_core.db.json_lines import Rejected
from scheduler_core.db.llm_bawt.copies import DONE, SCHEMA, UNFINISHED, comment_of, hold, require_adopted
from scheduler_core.db.llm_bawt.publication import TakenBack, planned_taking_back, take_back
from scheduler_core.db.llm_bawt.shape import Owner, Shape, memories_of, shape_of
from scheduler_core.db.memory_file import import_memories
from scheduler_core.db.memory_file import read_lines as read_memories
from scheduler_core.db.memory_rows import NewMemory
from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.db.messages import SCHEMA as MESSAGES_SCHEMA
from scheduler_core.db.migration import migrate
from scheduler_core.db.profile_file import import_profiles
from scheduler_core.db.profile_file import read_lines as read_attributes
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.db.statement import statement
from scheduler_core.errors import StateError

_BATCH = 1_000
_PROFILE_FIELDS = ("email", "display_name", "description")
_MEMORY_FIELDS = tuple(
    one.name for one in fields(NewMemory) if one.name not in ("bot_id", "pinned", "source")
)


@dataclass(slots=True, kw_only=True)
class Copies:
    """What an adoption copies, or would.

    Attributes:
        repeated: attributes that say what another one says already; stored once.
        memories: of each bot.
        names_left_out: display names that are no names.
        rejected: rows that our schema cannot hold, by the reason.
    """

    profiles: int = 0
    attributes: int = 0
    repeated: int = 0
    memories: Counter[str] = field(default_factory=Counter)
    names_left_out: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What taking an adoption back drops.

    Attributes:
        taken_back: what was given to the service and is put back first; None for nothing.
    """

    tables: int
    profiles: int
    summaries: int
    memories: int
    taken_back: TakenBack | None = None


def within(address: Address, schema: str = SCHEMA) -> Address:
    """The same database with the copies' schema in the place of the service's; psql reads it as well."""
    sign = "&" if "?" in address.dsn else "?"
    return Address(dsn=f"{address.dsn}{sign}options={quote(f'-csearch_path={schema}', safe='')}")


async def plan_adoption(address: Address) -> Copies:
    """Counts what `adopt` would copy; the server refuses every write of this session.

    Raises:
        StateError: this is no service's database, or it is adopted already.
    """
    connection = await connect(address, application="bawt adopt", read_only=True)
    try:
        with plain_errors(address):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                shape = await _require_service(connection)
                copies = Copies()
                await _go_through(connection, shape, copies)
                return copies
    finally:
        await connection.close()


async def adopt(address: Address) -> Copies:
    """Makes the schema and copies everything. One that fails or is stopped takes its schema away again.

    Raises:
        StateError: this is no service's database, or it is adopted already.
        DatabaseError: the user may not make a schema there, or the database went away.
    """
    connection = await connect(address, application="bawt adopt")
    copies = Copies()
    try:
        with plain_errors(address):
            shape = await _require_service(connection)
            await _make_schema(connection)
            try:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    await _copy(connection, shape, copies, within(address))
                await connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{DONE}'")
            except BaseException:
                await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
                raise
    finally:
        await connection.close()
    return copies


async def held_copies(address: Address) -> Held:
    """What `undo_adoption` would drop.

    Raises:
        StateError: there is no adoption.
    """
    connection = await connect(address, application="bawt adopt", read_only=True)
    try:
        with plain_errors(address):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await require_adopted(connection)
                return replace(await _held(connection), taken_back=await planned_taking_back(connection))
    finally:
        await connection.close()


async def undo_adoption(address: Address) -> Held:
    """Drops the copies and everything that was made of them, in one transaction.

    Summaries that were given to the service go first, in the same transaction: a refusal until somebody took
    them back could be answered by dropping the schema by hand, and with it what has to be put back.

    Raises:
        StateError: there is no adoption, or a scheduler works on the copies.
    """
    connection = await connect(address, application="bawt adopt", read_only=None)
    try:
        with plain_errors(address):
            # At this level taking back sees what the service wrote while it waited for it.
            async with connection.transaction(isolation="read_committed"):
                await hold(connection)
                await require_adopted(connection)
                held = await _held(connection)
                if await _is_used(connection):
                    raise StateError("A scheduler works on the copies.", "Stop it, then take them back.")
                held = replace(held, taken_back=await take_back(connection))
                if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {SCHEMA}.llm_bawt_libraries)"):
                    await connection.execute(f"DROP SCHEMA IF EXISTS {MESSAGES_SCHEMA} CASCADE")
                await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
                return held
    finally:
        await connection.close()


async def _require_service(connection: Connection) -> Shape:
    shape = await shape_of(connection)
    if shape.owner is not Owner.SERVICE or not shape.has("entity_profiles", "entity_profile_attributes"):
        raise StateError(
            "This is not the database of an llm-bawt service.", "Look at what it is: bawt-console doctor"
        )
    comment = await comment_of(connection)
    if comment == DONE:
        raise StateError(
            "This database is adopted already.", "Take that back first: bawt-console adopt --undo"
        )
    if comment not in (None, UNFINISHED):
        raise StateError(
            f"There is a schema named {SCHEMA} in this database that adopt did not make.", "Rename it first."
        )
    return shape


async def _make_schema(connection: Connection) -> None:
    async with connection.transaction():
        if await comment_of(connection) == UNFINISHED:
            await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{UNFINISHED}'")


async def _copy(connection: Connection, shape: Shape, copies: Copies, target: Address) -> None:
    database = Database.open(target, pool_size=2, application="bawt adopt")
    try:
        await migrate(database)
        await _go_through(connection, shape, copies, into=database)
    finally:
        await database.aclose()


async def _go_through(
    connection: Connection, shape: Shape, copies: Copies, *, into: Database | None = None
) -> None:
    """Counts everything, and copies it where that is wanted."""
    seen: set[tuple[object, ...]] = set()
    async for lines in _attribute_lines(connection, shape):
        _count_attributes(copies, lines, seen)
        if into is not None:
            await import_profiles(ProfileStore(into), lines)
    async for lines in _memory_lines(connection, shape):
        _count_memories(copies, lines)
        if into is not None:
            await import_memories(MemoryStore(into), lines)
    profiles = await _profiles(connection, shape)
    copies.profiles = len(profiles)
    copies.names_left_out = sum(bool(row["wrong_name"]) for row in profiles)
    if into is not None:
        await _copy_profiles(into, profiles)


async def _copy_profiles(database: Database, rows: Iterable[dict[str, object]]) -> None:
    """Names and descriptions. A summary of a service says not what it rests on, so ours is written anew.

    Made at the time of which the copy is: what the service learns later is not in it.
    """
    async with database.transaction() as connection:
        await connection.executemany(
            "INSERT INTO entity_profiles AS p"
            " (entity_type, entity_id, email, display_name, description, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (entity_type, entity_id) DO UPDATE"
            " SET email = excluded.email, display_name = excluded.display_name,"
            " description = excluded.description, created_at = excluded.created_at",
            [
                (
                    row["entity_type"],
                    row["entity_id"],
                    row["email"],
                    None if row["wrong_name"] else row["display_name"],
                    row["description"],
                    row["known_at"],
                )
                for row in rows
            ],
        )


async def _profiles(connection: Connection, shape: Shape) -> list[dict[str, object]]:
    known = shape.tables["entity_profiles"]
    columns = ", ".join(name if name in known else f"NULL::text AS {name}" for name in _PROFILE_FIELDS)
    rows = await connection.fetch(
        f"SELECT lower(entity_type::text) AS entity_type, lower(entity_id) AS entity_id, {columns},"
        " coalesce(lower(btrim(display_name)) = ANY ($1::text[]), false) AS wrong_name,"
        # The transaction began before the snapshot that all of the copy is read in.
        " now() AS known_at"
        " FROM entity_profiles WHERE entity_id <> '' ORDER BY id",
        list(WRONG_NAMES),
    )
    return [dict(row) for row in rows]


async def _attribute_lines(connection: Connection, shape: Shape) -> AsyncIterator[list[str]]:
    sql = statement("llm_bawt/attributes").text
    async for rows in _batches(connection, sql):
        yield [
            json.dumps(
                {name: value for name, value in row.items() if value is not None and name != "value"}
                | {"value": None if row["value"] is None else json.loads(str(row["value"]))}
            )
            for row in rows
        ]


async def _memory_lines(connection: Connection, shape: Shape) -> AsyncIterator[list[str]]:
    if not shape.memory_tables:
        return
    names = ", ".join(f"'{name}', m.{name}" for name in ("bot_id", *_MEMORY_FIELDS))
    async for rows in _batches(
        connection,
        f"SELECT jsonb_strip_nulls(jsonb_build_object({names}))::text AS line"
        f" FROM {memories_of(shape, *_MEMORY_FIELDS)} m",
    ):
        yield [str(row["line"]) for row in rows]


async def _batches(connection: Connection, sql: str) -> AsyncIterator[list[dict[str, object]]]:
    """Rows of a statement, a thousand at a time; inside a transaction, which a cursor needs."""
    batch: list[dict[str, object]] = []
    async for row in connection.cursor(sql, prefetch=_BATCH):
        batch.append(dict(row))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _count_attributes(copies: Copies, lines: Iterable[str], seen: set[tuple[object, ...]]) -> None:
    for item in read_attributes(lines):
        if isinstance(item, Rejected):
            copies.rejected[item.reason] += 1
            continue
        said = (item.entity, item.category, item.key, json.dumps(item.value), item.confidence, item.source)
        if (*said, item.updated_at) in seen:
            copies.repeated += 1
        else:
            seen.add((*said, item.updated_at))
            copies.attributes += 1


def _count_memories(copies: Copies, lines: Iterable[str]) -> None:
    for item in read_memories(lines):
        if isinstance(item, Rejected):
            copies.rejected[item.reason] += 1
        else:
            copies.memories[item.bot_id] += 1


async def _held(connection: Connection) -> Held:
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM pg_class"
        " WHERE relnamespace = $1::regnamespace AND relkind = 'r') AS tables,"
        f" (SELECT count(*) FROM {SCHEMA}.entity_profiles) AS profiles,"
        f" (SELECT count(*) FROM {SCHEMA}.entity_profiles WHERE summary IS NOT NULL) AS summaries,"
        f" (SELECT count(*) FROM {SCHEMA}.memories) AS memories",
        SCHEMA,
    )
    assert row is not None
    return Held(**dict(row))


async def _is_used(connection: Connection) -> bool:
    used: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM {SCHEMA}.scheduler_nodes"
        " WHERE state <> 'stopped' AND lease_expires_at > now())"
    )
    return used
