"""What consolidation still has to look at, and what it has decided already. It decides nothing itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from scheduler_core.db.database import Database
from scheduler_core.db.memory_rows import Verdict, text_hash, words_of
from scheduler_core.db.statement import statement

__all__ = ["Change", "Judgement", "MemoryJudgements", "MemoryText", "Verdict", "text_hash"]


@dataclass(frozen=True, slots=True)
class Change:
    """A memory whose text is new since it was settled; `number` tells one change from the next."""

    id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryText:
    """What judging a memory takes.

    Attributes:
        state: SHA-256 of the whole row, in UTC.
    """

    id: str
    content: str
    tags: tuple[str, ...]
    source: str
    importance: float
    access_count: int
    pinned: bool
    created_at: datetime
    last_accessed: datetime | None
    source_message_ids: tuple[str, ...]
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict on two memories with these texts (`text_hash`).

    Attributes:
        left_id, right_id: in the order of their bytes.
        judge: a rule's name, a model's checksum, or `person`, whose verdict stands.
    """

    left_id: str
    right_id: str
    left_hash: bytes
    right_hash: bytes
    verdict: Verdict
    judge: str

    @classmethod
    def of(
        cls, one: tuple[str, bytes], other: tuple[str, bytes], verdict: Verdict, *, judge: str
    ) -> "Judgement":
        """From two ids with the hashes of their texts, in any order."""
        (left_id, left_hash), (right_id, right_hash) = sorted((one, other), key=lambda side: side[0].encode())
        return cls(
            left_id=left_id,
            right_id=right_id,
            left_hash=left_hash,
            right_hash=right_hash,
            verdict=verdict,
            judge=judge,
        )


class MemoryJudgements:
    """Statements over `memory_changes` and `memory_judgements`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changed(self, bot_id: str, *, page: int = 100_000) -> list[Change]:
        """Memories whose text nobody has looked at yet, the longest waiting first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id, change FROM memory_changes WHERE bot_id = $1 ORDER BY change LIMIT $2",
                bot_id,
                page,
            )
        return [Change(row["id"], row["change"]) for row in rows]

    async def settle(self, bot_id: str, changes: Sequence[Change]) -> None:
        """Says that these were looked at; what changed again meanwhile stays listed."""
        sql = statement("memory_settle")
        values = sql.bind(
            bot=bot_id,
            ids=[change.id for change in changes],
            changes=[change.number for change in changes],
        )
        async with self._database.connection() as connection:
            await connection.execute(sql.text, *values)

    async def texts(
        self, bot_id: str, *, ids: Sequence[str] | None = None, after: str = "", page: int = 10_000
    ) -> list[MemoryText]:
        """Memories by id, from `after` on; `ids` narrows them."""
        sql = statement("memory_texts")
        values = sql.bind(bot=bot_id, ids=None if ids is None else list(ids), after=after, page=page)
        async with self._database.transaction() as connection:
            # A host's own engine may have another zone, and the state must not depend on it.
            await connection.execute("SET LOCAL timezone TO 'UTC'")
            rows = await connection.fetch(sql.text, *values)
        return [_text_of(row) for row in rows]

    async def judged(self, bot_id: str, ids: Sequence[str]) -> list[Judgement]:
        """Every verdict on a pair with one of these memories. Compare the hashes before relying on one."""
        sql = statement("memory_judged")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(bot=bot_id, ids=list(ids)))
        return [
            Judgement(
                left_id=row["left_id"],
                right_id=row["right_id"],
                left_hash=row["left_hash"],
                right_hash=row["right_hash"],
                verdict=Verdict(row["verdict"]),
                judge=row["judge"],
            )
            for row in rows
        ]

    async def judge(self, bot_id: str, judgements: Sequence[Judgement]) -> None:
        """Records verdicts, a pair once; those on texts that changed meanwhile are dropped, and nothing takes
        the place of what a person said."""
        sql = statement("memory_judge")
        values = sql.bind(
            bot=bot_id,
            left_ids=[one.left_id for one in judgements],
            right_ids=[one.right_id for one in judgements],
            left_hashes=[one.left_hash for one in judgements],
            right_hashes=[one.right_hash for one in judgements],
            verdicts=[one.verdict.value for one in judgements],
            judges=[one.judge for one in judgements],
        )
        async with self._database.connection() as connection:
            await connection.execute(sql.text, *values)


def _text_of(row: asyncpg.Record) -> MemoryText:
    return MemoryText(
        id=row["id"],
        content=row["content"],
        tags=words_of(json.loads(row["tags"])),
        source=row["source"],
        importance=row["importance"],
        access_count=row["access_count"],
        pinned=row["pinned"],
        created_at=row["created_at"],
        last_accessed=row["last_accessed"],
        source_message_ids=words_of(json.loads(row["source_message_ids"])),
        state=row["state"],
    )
