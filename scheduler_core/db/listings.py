"""Pages of profiles and memories as people look through them: narrowed, paged by key, with a state or score.

Nothing is changed here, and no text of a person is logged. What jobs read is in `profile_store` and
`memory_store`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import REPRIEVE_DAYS
from scheduler_core.db.memory_rows import Memory, MemoryState, MergeRecord, memory_of
from scheduler_core.db.profile_rows import profile_of
from scheduler_core.db.statement import statement
from scheduler_core.domain import MemoryFilter, Profile, ProfileFilter


class ProfileState(StrEnum):
    """How a summary stands to what is known: up to date, behind, made oddly, or left as a person chose it."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SUSPICIOUS = "suspicious"
    HELD = "held"


class Shield(StrEnum):
    """What keeps a memory from being archived, however little it is worth."""

    PINNED = "pinned"
    EXPLICIT = "explicit"
    TAG = "tag"
    IMPORTANT = "important"
    YOUNG = "young"
    RESTORED = "restored"
    CITED = "cited"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """One profile in a list.

    Attributes:
        version: of the latest summary; None if there was none.
        suspicious: what was odd about the run that made it.
    """

    profile: Profile
    state: ProfileState
    attributes: int
    version: int | None
    suspicious: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One memory in a list.

    Attributes:
        at: when it was stored, or when it left.
        number: of the archived copy; None while in use.
        score: what it is worth by the formula of decay, or was when it left; None if that is not known.
        numbers: what the score was computed from, named as in `ArchivedMemory`.
        shield: what keeps it although it is worth little; always told for what is kept whatever it is worth.
    """

    memory: Memory
    state: MemoryState
    at: datetime
    number: int | None = None
    run_id: UUID | None = None
    merged_into: str | None = None
    score: float | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    shield: Shield | None = None


class Listings:
    """One method per list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def profiles(
        self, wanted: ProfileFilter, *, after: ProfileRow | None = None, limit: int = 300
    ) -> list[ProfileRow]:
        """A page of profiles by type and id.

        Args:
            after: the last row of the page before.
        """
        last = None if after is None else after.profile.entity
        sql = statement("profile_page")
        values = sql.bind(
            entity_type=wanted.type,
            states=sorted(wanted.states),
            words=list(wanted.words),
            after_type="" if last is None else last.type.value,
            after_id="" if last is None else last.id,
            page=limit,
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *values)
        return [
            ProfileRow(
                profile=profile_of(row),
                state=ProfileState(row["state"]),
                attributes=row["attributes"],
                version=row["version"],
                suspicious=tuple(row["reasons"] or ()),
            )
            for row in rows
        ]

    async def memories(
        self, state: str, wanted: MemoryFilter, *, after: MemoryRow | None = None, limit: int = 300
    ) -> list[MemoryRow]:
        """A page of the memories in use by bot and id, or of archived ones the latest first.

        Args:
            state: the word of a `MemoryState`.
            after: the last row of the page before.
        """
        narrowed = _narrowed(wanted, limit)
        if state == MemoryState.ACTIVE:
            sql = statement("memory_list")
            bot, id_ = ("", "") if after is None else (after.memory.bot_id, after.memory.id)
            values = sql.bind(**narrowed, id=None, after_bot=bot, after_id=id_, reprieve_days=REPRIEVE_DAYS)
        else:
            sql = statement("memory_archive_list")
            cause = "merged" if state == MemoryState.MERGED else "decayed"
            before = None if after is None else after.number
            values = sql.bind(**narrowed, cause=cause, before=before)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *values)
        return [_active_of(row) if state == MemoryState.ACTIVE else _left_of(row, state) for row in rows]

    async def members(self, bot_id: str, merge: MergeRecord, *, limit: int = 50) -> tuple[MemoryRow, ...]:
        """The memories that a merge took in, as they were, by id; those that were purged are missing."""
        sql = statement("memory_members")
        values = sql.bind(
            bot=bot_id, run=merge.run_id, survivor=merge.survivor, ids=merge.members, page=limit
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *values)
        return tuple(_left_of(row, MemoryState.MERGED) for row in rows)

    async def memory_in_use(self, bot_id: str, memory_id: str) -> MemoryRow | None:
        """One memory in use with its score; None if there is none."""
        sql, everything = statement("memory_list"), MemoryFilter()
        values = sql.bind(
            **_narrowed(everything, 1) | {"bot": _like(bot_id, star="*")},
            id=memory_id,
            after_bot="",
            after_id="",
            reprieve_days=REPRIEVE_DAYS,
        )
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.text, *values)
        return None if row is None else _active_of(row)


def _narrowed(wanted: MemoryFilter, limit: int) -> dict[str, object]:
    """The binds that both lists of memories share."""
    return {
        "bot": None if wanted.bot is None else _like(wanted.bot),
        "tag": wanted.tag,
        "words": list(wanted.words),
        "least_score": wanted.scores[0],
        "most_score": wanted.scores[1],
        "least_importance": wanted.importances[0],
        "most_importance": wanted.importances[1],
        "page": limit,
    }


def _like(pattern: str, *, star: str = "%") -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", star)


def _active_of(row: asyncpg.Record) -> MemoryRow:
    return MemoryRow(
        memory=memory_of(row["memory"]),
        state=MemoryState.ACTIVE,
        at=row["at"],
        score=row["score"],
        numbers=json.loads(row["numbers"]),
        shield=None if row["shield"] is None else Shield(row["shield"]),
    )


def _left_of(row: asyncpg.Record, state: str) -> MemoryRow:
    return MemoryRow(
        memory=memory_of(row["memory"]),
        state=MemoryState(state),
        at=row["at"],
        number=row["number"],
        run_id=row["run_id"],
        merged_into=row["merged_into"],
        score=row["score"],
        numbers=json.loads(row["numbers"]),
    )
