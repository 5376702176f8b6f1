"""What crosses the border of the memory stores, and rows into it. It runs no statement."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from scheduler_core.db.text import storable
from scheduler_core.errors import DataError

LONGEST_BOT_ID = 100
LONGEST_ID = 36
LONGEST_CONTENT = 16_000
SOURCES = ("explicit", "inferred", "system")
_NAMES = UUID("b2d1f7e2-6a57-4c0e-9a3e-6d656d6f7279")


class MemoryState(StrEnum):
    """Where a memory is: in use, archived by decay, or archived because another one says the same."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    MERGED = "merged"


class Verdict(StrEnum):
    """What was decided about two memories. `UNSURE` keeps both, and may be asked again by a better judge."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One row of `memories`. Lists that a host stored as something else are empty here.

    Attributes:
        importance: 0 to 1.
        pinned: no job archives it or merges it away.
        source: `explicit` (the person said to keep it), `inferred` or `system`.
    """

    bot_id: str
    id: str
    content: str
    tags: tuple[str, ...] = ("misc",)
    importance: float = 0.5
    source_message_ids: tuple[str, ...] = ()
    access_count: int = 0
    last_accessed: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    intent: str | None = None
    stakes: str | None = None
    emotional_charge: float | None = None
    recurrence_keywords: tuple[str, ...] = ()
    meaning_updated_at: datetime | None = None
    pinned: bool = False
    source: str = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemory:
    """A memory to store; None is a field that is not given.

    Attributes:
        id: None makes one from bot, creation time and text, so that the same memory is the same again.
    """

    bot_id: str
    content: str
    id: str | None = None
    tags: tuple[str, ...] | None = None
    importance: float | None = None
    source_message_ids: tuple[str, ...] | None = None
    access_count: int | None = None
    last_accessed: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    intent: str | None = None
    stakes: str | None = None
    emotional_charge: float | None = None
    recurrence_keywords: tuple[str, ...] | None = None
    meaning_updated_at: datetime | None = None
    pinned: bool | None = None
    source: str | None = None

    def given(self) -> dict[str, object]:
        """The given fields, JSON-ready, with an id."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values["id"] = self.id or derived_id(self.bot_id, self.content, self.created_at)
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedMemories:
    """What storing did. `archived` ones are in the archive with this text already and stay there."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    archived: int = 0

    def __add__(self, other: "AddedMemories") -> "AddedMemories":
        return AddedMemories(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
            archived=self.archived + other.archived,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedMemory:
    """A memory out of use.

    Attributes:
        number: of this copy; an id may have been archived more than once.
        merged_into: the id that took its place; None for one that decayed.
        numbers: why; for decay `value`, `half_life_days`, `days_idle` and what they were computed from.
    """

    number: int
    memory: Memory
    state: MemoryState
    archived_at: datetime
    run_id: UUID | None
    merged_into: str | None
    score: float | None
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryListing:
    """One line of a list: `at` is when it was stored, or archived."""

    memory: Memory
    state: MemoryState
    at: datetime
    number: int | None
    run_id: UUID | None
    merged_into: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRecord:
    """A merge that a memory came out of, as `memory_merges` has it."""

    id: int
    survivor: str
    run_id: UUID
    merged_at: datetime
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLineage:
    """Everything about one id: the row in use, copies in the archive (newest first), and merges into it."""

    active: Memory | None
    archived: tuple[ArchivedMemory, ...]
    merges: tuple[MergeRecord, ...]


def text_hash(content: str) -> bytes:
    """SHA-256 of the text, as `bawt_text_hash` in the database computes it."""
    return hashlib.sha256(content.encode()).digest()


def derived_id(bot_id: str, content: str, created_at: datetime | None) -> str:
    """The id of a memory that came without one: the same line gives the same id again."""
    time = "" if created_at is None else str(created_at.timestamp())
    return str(uuid5(_NAMES, "\0".join((bot_id, time, content))))


def checked(memory: NewMemory) -> NewMemory:
    """The memory, if it can be stored.

    Raises:
        DataError: a field is too long, out of range or cannot be stored. It is named, never quoted.
    """
    limits = {
        "bot_id": (memory.bot_id, LONGEST_BOT_ID),
        "id": (memory.id or "-", LONGEST_ID),
        "content": (memory.content, LONGEST_CONTENT),
    }
    for name, (value, longest) in limits.items():
        if not value.strip() or len(value) > longest or storable(value) != value:
            raise DataError(f"The {name} of a memory cannot be stored.", f"Use 1 to {longest} characters.")
    lists = (memory.tags, memory.source_message_ids, memory.recurrence_keywords)
    for text in (memory.intent, memory.stakes, *(text for one in lists for text in one or ())):
        if text is not None and storable(text) != text:
            raise DataError("A text of a memory cannot be stored.", "Leave out NUL and half surrogate pairs.")
    if not 0 <= (memory.importance or 0) <= 1:
        raise DataError("The importance of a memory cannot be stored.", "Use a number from 0 to 1.")
    if not math.isfinite(memory.emotional_charge or 0) or abs(memory.emotional_charge or 0) > 1e30:
        raise DataError("The emotional_charge of a memory cannot be stored.", "Use a smaller number.")
    if not 0 <= (memory.access_count or 0) < 2**31:
        raise DataError("The access_count of a memory cannot be stored.", "Use a whole number from 0 on.")
    if memory.source is not None and memory.source not in SOURCES:
        raise DataError("The source of a memory is not known.", "Use explicit, inferred or system.")
    return memory


def memory_of(text: str) -> Memory:
    """From `to_jsonb` of a row: numbers then read as they were written, and times are complete."""
    row: dict[str, Any] = json.loads(text)
    return Memory(
        bot_id=row["bot_id"],
        id=row["id"],
        content=row["content"],
        tags=words_of(row["tags"]),
        importance=row["importance"],
        source_message_ids=words_of(row["source_message_ids"]),
        access_count=row["access_count"],
        last_accessed=_time(row["last_accessed"]),
        created_at=_time(row["created_at"]),
        updated_at=_time(row["updated_at"]),
        intent=row["intent"],
        stakes=row["stakes"],
        emotional_charge=row["emotional_charge"],
        recurrence_keywords=words_of(row["recurrence_keywords"]),
        meaning_updated_at=_time(row["meaning_updated_at"]),
        pinned=row["pinned"],
        source=row["source"],
    )


def archived_of(row: asyncpg.Record) -> ArchivedMemory:
    return ArchivedMemory(
        number=row["number"],
        memory=memory_of(row["memory"]),
        state=MemoryState.MERGED if row["cause"] == "merged" else MemoryState.ARCHIVED,
        archived_at=row["archived_at"],
        run_id=row["run_id"],
        merged_into=row["merged_into"],
        score=row["score"],
        numbers=json.loads(row["numbers"]),
    )


def words_of(value: object) -> tuple[str, ...]:
    """A list of JSON values as texts; () for anything else that a host may have stored."""
    if not isinstance(value, list):
        return ()
    return tuple(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value)


def _time(value: str | None) -> datetime | None:
    """None also for times without end, which have no counterpart here."""
    if value is None or "infinity" in value:
        return None
    return datetime.fromisoformat(value)
