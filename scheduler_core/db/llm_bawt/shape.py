"""What a database is, as its catalogue tells: ours, an llm-bawt service's and of which release, or empty."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scheduler_core.db.connect import Connection
from scheduler_core.db.migration import VERSION_TABLE
from scheduler_core.db.statement import statement
from scheduler_core.db.text import quoted

_ONE_BOT = "_memories"
_NAIVE = "timestamp without time zone"


class Owner(StrEnum):
    """Whose tables the search path finds."""

    OURS = "bawt-console"
    SERVICE = "llm-bawt service"
    NOBODY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTable:
    """One table of memories.

    Attributes:
        bot: whose, where each bot has a table of its own; None where a column says it.
    """

    name: str
    columns: frozenset[str]
    bot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which of the known tables there are and how they were made.

    Attributes:
        tables: the columns of each.
        naive_profiles: times of the two profile tables carry no zone; they are UTC.
    """

    owner: Owner
    tables: Mapping[str, frozenset[str]]
    naive_profiles: bool
    memory_tables: tuple[MemoryTable, ...]

    def has(self, *names: str) -> bool:
        return all(name in self.tables for name in names)

    @property
    def facts(self) -> tuple[str, ...]:
        """What a person may want to know of how it was made, one sentence each."""
        if self.owner is not Owner.SERVICE:
            return ()
        zone = "without a time zone, read as UTC" if self.naive_profiles else "with a time zone"
        own = [table for table in self.memory_tables if table.bot is not None]
        shared = len(own) < len(self.memory_tables)
        where = [
            *(["one table for all bots"] if shared else []),
            *([f"{len(own)} tables of one bot"] if own else []),
        ]
        return (
            f"Times of profiles are stored {zone}.",
            f"Memories lie in {' and '.join(where)}." if where else "There are no memories.",
        )


async def shape_of(connection: Connection) -> Shape:
    """Reads the catalogue; the tables themselves are not touched."""
    rows = await connection.fetch(statement("llm_bawt/columns").text)
    tables: dict[str, set[str]] = {}
    for row in rows:
        tables.setdefault(row["table_name"], set()).add(row["column_name"])
    owner = Owner.OURS if VERSION_TABLE in tables else Owner.SERVICE if tables else Owner.NOBODY
    return Shape(
        owner=owner,
        tables={name: frozenset(columns) for name, columns in tables.items()},
        naive_profiles=any(
            row["table_name"].startswith("entity_profile") and row["type"] == _NAIVE for row in rows
        ),
        memory_tables=tuple(
            table
            for name, columns in sorted(tables.items())
            if (table := _memories(name, columns)) is not None
        ),
    )


def _memories(name: str, columns: set[str]) -> MemoryTable | None:
    if not {"id", "content"} <= columns:
        return None
    if name == "memories":
        return MemoryTable(name=name, columns=frozenset(columns))
    if name.endswith(_ONE_BOT):
        return MemoryTable(name=name, columns=frozenset(columns), bot=name.removesuffix(_ONE_BOT))
    return None


def memories_of(shape: Shape, *columns: str) -> str:
    """A sub-select over every memory with its bot and these columns, NULL where a release lacks one."""
    parts = [
        f"SELECT {'bot_id::text' if table.bot is None else _literal(table.bot)} AS bot_id, "
        + ", ".join(
            f"{quoted(column) if column in table.columns else 'NULL'}{_cast(column)} AS {quoted(column)}"
            for column in columns
        )
        + f" FROM {quoted(table.name)}"
        for table in shape.memory_tables
    ]
    return f"({' UNION ALL '.join(parts)})"


_TIMES = frozenset({"created_at", "updated_at", "last_accessed", "meaning_updated_at"})
_NUMBERS = {"importance": "real", "emotional_charge": "real", "access_count": "integer"}
_LISTS = frozenset({"tags", "source_message_ids", "recurrence_keywords"})


def _cast(column: str) -> str:
    # The session's zone is UTC, so this is right for times with a zone and for those without.
    if column in _TIMES:
        return "::timestamptz"
    if column in _NUMBERS:
        return f"::{_NUMBERS[column]}"
    return "::jsonb" if column in _LISTS else "::text"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'::text"
