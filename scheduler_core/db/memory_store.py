"""The memories of bots and the archive they go to. Nothing is ever deleted without a copy there."""

from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement
from scheduler_core.errors import DatabaseError


@dataclass(frozen=True, slots=True)
class Decay:
    """What a decay pass saw: memories, those below the threshold, and those archived now."""

    memories: int
    below: int
    archived: int


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge pass saw: memories, groups that said the same, and those archived now."""

    memories: int
    groups: int
    archived: int


class MemoryStore:
    """Statements over `memories` and `memory_archive`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decay(self, bot_id: str, *, run_id: UUID) -> Decay:
        """Archives the least relevant memories of a bot: at most 2 % or 5,000, and none at all when
        more than 20 % qualify, because then the numbers are more likely wrong than the memories."""
        query = statement("decay_memories")
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query.text, *query.bind(bot=bot_id, run=run_id))
        assert row is not None
        return Decay(row["all_rows"], row["below"], row["archived"])

    async def merge_same(self, bot_id: str, *, run_id: UUID) -> Merge:
        """Merges memories of a bot that are equal but for case and spacing into the oldest one.

        Raises:
            DatabaseError: a survivor or a copy would be missing; nothing was changed.
        """
        query = statement("merge_memories")
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query.text, *query.bind(bot=bot_id, run=run_id))
            assert row is not None
            if row["gone"] != row["archived"]:
                raise DatabaseError(
                    "A merge would have lost a memory, so nothing was merged.",
                    "Another writer was busy; try again.",
                )
        return Merge(row["all_rows"], row["groups"], row["archived"])
