"""Memories as JSON lines: one memory a line, with the names of the table's columns.

A bad line is named by its number and its field and left out; the others go in. Reasons never quote a value.
Embeddings are not in the file: they are computed again from the text.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, fields
from datetime import datetime

from scheduler_core.db.json_lines import (
    Rejected,
    UnfitError,
    bounded_lines,
    json_line,
    json_time,
    read_records,
    shown,
    time_of,
)
from scheduler_core.db.memory_rows import (
    LONGEST_BOT_ID,
    LONGEST_CONTENT,
    LONGEST_ID,
    SOURCES,
    AddedMemories,
    Memory,
    MemoryState,
    NewMemory,
)
from scheduler_core.db.memory_store import MemoryStore

__all__ = [
    "MemoryReport",
    "Rejected",
    "bounded_lines",
    "export_line",
    "export_lines",
    "import_memories",
    "read_lines",
]

LONGEST_LIST = 100
LONGEST_WORD = 200
_REASONS_KEPT = 1_000
_BATCH = 1_000
_NAMES = frozenset(field.name for field in fields(NewMemory))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReport:
    """What an import did.

    Attributes:
        stored: archived ones lie in the archive with this text already and stay there.
        rejected: the first thousand lines that were left out.
        rejected_count: all of them.
    """

    stored: AddedMemories
    rejected: tuple[Rejected, ...]
    rejected_count: int


async def import_memories(store: MemoryStore, lines: Iterable[bytes | str]) -> MemoryReport:
    """Stores the good lines by id; importing the same lines again changes nothing.

    Args:
        lines: with or without line ends; use `bounded_lines` for a file.
    """
    stored = AddedMemories()
    rejected: list[Rejected] = []
    rejected_count = 0
    batch: list[NewMemory] = []
    for item in read_lines(lines):
        if isinstance(item, Rejected):
            rejected_count += 1
            if len(rejected) < _REASONS_KEPT:
                rejected.append(item)
            continue
        batch.append(item)
        if len(batch) == _BATCH:
            stored += await store.add(batch)
            batch = []
    stored += await store.add(batch)
    return MemoryReport(stored=stored, rejected=tuple(rejected), rejected_count=rejected_count)


async def export_lines(
    store: MemoryStore, *, state: MemoryState = MemoryState.ACTIVE, bot_id: str | None = None
) -> AsyncGenerator[str, None]:
    """Every memory in this state as a line with its line end, by bot and id."""
    async with aclosing(store.export(state=state, bot_id=bot_id)) as memories:
        async for memory in memories:
            yield export_line(memory)


def export_line(memory: Memory) -> str:
    """One line that `read_lines` understands; equal memories give equal bytes."""
    record: dict[str, object] = {}
    for field in fields(memory):
        value = getattr(memory, field.name)
        if value is not None:
            record[field.name] = json_time(value) if isinstance(value, datetime) else value
    return json_line(record)


def read_lines(lines: Iterable[bytes | str]) -> Iterator[NewMemory | Rejected]:
    """The memory of each line, or why it has none; blank lines are passed over. Never raises."""
    return read_records(lines, _memory)


def _memory(record: dict[str, object]) -> NewMemory:
    for name in record:
        if name not in _NAMES:
            raise UnfitError(f"{shown(name)} is not a known field.")
    for name in ("bot_id", "content"):
        if record.get(name) is None:
            raise UnfitError(f"{name} is missing.")
    return NewMemory(
        bot_id=_text(record, "bot_id", LONGEST_BOT_ID).strip(),
        content=_text(record, "content", LONGEST_CONTENT),
        id=_optional_text(record, "id", LONGEST_ID),
        tags=_words(record, "tags"),
        importance=_number(record, "importance", 0, 1),
        source_message_ids=_words(record, "source_message_ids"),
        access_count=_count(record, "access_count"),
        last_accessed=time_of("last_accessed", record.get("last_accessed")),
        created_at=time_of("created_at", record.get("created_at")),
        updated_at=time_of("updated_at", record.get("updated_at")),
        intent=_optional_text(record, "intent", LONGEST_CONTENT),
        stakes=_optional_text(record, "stakes", LONGEST_CONTENT),
        emotional_charge=_number(record, "emotional_charge", -1_000, 1_000),
        recurrence_keywords=_words(record, "recurrence_keywords"),
        meaning_updated_at=time_of("meaning_updated_at", record.get("meaning_updated_at")),
        pinned=_truth(record, "pinned"),
        source=_source(record),
    )


def _text(record: dict[str, object], name: str, longest: int) -> str:
    return _fit(name, record[name], longest)


def _optional_text(record: dict[str, object], name: str, longest: int) -> str | None:
    value = record.get(name)
    return None if value is None else _fit(name, value, longest)


def _fit(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise UnfitError(f"{name} must be text.")
    if not value.strip() or len(value) > longest:
        raise UnfitError(f"{name} must have 1 to {longest} characters.")
    if "\0" in value:
        raise UnfitError(f"{name} contains a NUL character, which PostgreSQL cannot store.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise UnfitError(f"{name} contains half of a surrogate pair.")
    return value


def _words(record: dict[str, object], name: str) -> tuple[str, ...] | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        raise UnfitError(f"{name} must be a list of at most {LONGEST_LIST} texts.")
    return tuple(_fit(name, item, LONGEST_WORD) for item in value)


def _number(record: dict[str, object], name: str, least: float, most: float) -> float | None:
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise UnfitError(f"{name} must be a number from {least:g} to {most:g}.")
    return float(value)


def _count(record: dict[str, object], name: str) -> int | None:
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise UnfitError(f"{name} must be a whole number from 0 to {2**31 - 1}.")
    return value


def _truth(record: dict[str, object], name: str) -> bool | None:
    value = record.get(name)
    if value is not None and not isinstance(value, bool):
        raise UnfitError(f"{name} must be true or false.")
    return value


def _source(record: dict[str, object]) -> str | None:
    value = record.get("source")
    if value is None:
        return None
    if not isinstance(value, str) or value.strip().lower() not in SOURCES:
        raise UnfitError("source must be explicit, inferred or system.")
    return value.strip().lower()
