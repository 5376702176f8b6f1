"""The memories of bots as hosts write them and people read them.

What jobs do to them is in `memory_archive`, what jobs compute from them in `memory_vectors` and
`memory_judgements`. Texts are a person's own: they are returned to whoever asks and logged nowhere.
"""

import json
from collections.abc import AsyncGenerator, Sequence

from scheduler_core.db.database import Database
from scheduler_core.db.memory_rows import (
    AddedMemories,
    Memory,
    MemoryLineage,
    MemoryListing,
    MemoryState,
    MergeRecord,
    NewMemory,
    archived_of,
    checked,
    memory_of,
)
from scheduler_core.db.statement import statement

__all__ = [
    "AddedMemories",
    "Memory",
    "MemoryLineage",
    "MemoryListing",
    "MemoryState",
    "MemoryStore",
    "NewMemory",
]

_BATCH = 1_000
_FETCH = 500


class MemoryStore:
    """Statements over `memories`, and over `memory_archive` for reading."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, memories: Sequence[NewMemory]) -> AddedMemories:
        """Stores memories by bot and id; the same call again changes nothing.

        A field that is not given keeps what is stored, or the default. A memory that lies in the archive with
        this very text stays there. Each thousand is one transaction.

        Raises:
            DataError: a field is too long or cannot be stored; nothing was stored then.
        """
        named = [checked(memory) for memory in memories]
        total = AddedMemories()
        for start in range(0, len(named), _BATCH):
            total += await self._add_batch(named[start : start + _BATCH])
        return total

    async def page(
        self,
        *,
        state: MemoryState = MemoryState.ACTIVE,
        bot_id: str | None = None,
        after: MemoryListing | None = None,
        limit: int = 100,
    ) -> tuple[MemoryListing, ...]:
        """One page of a list: memories in use by bot and id, archived ones the latest first.

        Args:
            after: the last line of the page before.
        """
        async with self._database.connection() as connection:
            if state is MemoryState.ACTIVE:
                sql = statement("memory_page")
                last = ("", "") if after is None else (after.memory.bot_id, after.memory.id)
                values = sql.bind(bot=bot_id, after_bot=last[0], after_id=last[1], page=limit)
            else:
                sql = statement("memory_archive_page")
                number = None if after is None else after.number
                values = sql.bind(bot=bot_id, cause=_CAUSES[state], before=number, page=limit)
            rows = await connection.fetch(sql.text, *values)
        return tuple(
            MemoryListing(
                memory=memory_of(row["memory"]),
                state=state,
                at=row["at"],
                number=row["number"],
                run_id=row["run_id"],
                merged_into=row["merged_into"],
            )
            for row in rows
        )

    async def lineage(self, memory_id: str, *, bot_id: str | None = None) -> dict[str, MemoryLineage]:
        """Everything known of an id, by bot: one bot unless two use the same id; empty if nobody does."""
        names = ("memory_read", "memory_archived", "memory_merged")
        async with self._database.connection() as connection:
            active, archived, merges = [
                await connection.fetch(sql.text, *sql.bind(id=memory_id, bot=bot_id))
                for sql in map(statement, names)
            ]
        bots = sorted({row["bot_id"] for row in (*active, *archived, *merges)})
        return {
            bot: MemoryLineage(
                active=next((memory_of(row["memory"]) for row in active if row["bot_id"] == bot), None),
                archived=tuple(archived_of(row) for row in archived if row["bot_id"] == bot),
                merges=tuple(
                    MergeRecord(
                        id=row["id"],
                        survivor=row["survivor"],
                        run_id=row["run_id"],
                        merged_at=row["merged_at"],
                        members=tuple(row["members"]),
                    )
                    for row in merges
                    if row["bot_id"] == bot
                ),
            )
            for bot in bots
        }

    async def export(
        self, *, state: MemoryState = MemoryState.ACTIVE, bot_id: str | None = None
    ) -> AsyncGenerator[Memory, None]:
        """Every memory in this state by bot and id, in one consistent view."""
        sql = statement("memory_export" if state is MemoryState.ACTIVE else "memory_export_archived")
        if state is MemoryState.ACTIVE:
            values = sql.bind(bot=bot_id)
        else:
            values = sql.bind(bot=bot_id, cause=_CAUSES[state])
        async with self._database.transaction() as connection:
            async for row in connection.cursor(sql.text, *values, prefetch=_FETCH):
                yield memory_of(row["memory"])

    async def _add_batch(self, batch: Sequence[NewMemory]) -> AddedMemories:
        # Of two with one id the later one counts, as if they had come one after the other.
        rows: dict[tuple[str, str], dict[str, object]] = {}
        for new in batch:
            given = new.given()
            rows.setdefault((new.bot_id, str(given["id"])), {}).update(given)
        sql = statement("memory_add")
        values = sql.bind(rows=[json.dumps(row, ensure_ascii=False) for row in rows.values()])
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(sql.text, *values)
        assert row is not None
        touched = row["added"] + row["changed"] + row["archived"]
        return AddedMemories(
            added=row["added"],
            changed=row["changed"],
            archived=row["archived"],
            unchanged=len(batch) - touched,
        )


_CAUSES = {MemoryState.ARCHIVED: "decayed", MemoryState.MERGED: "merged"}
