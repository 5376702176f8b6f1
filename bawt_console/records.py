"""Profiles and memories for the screens: the part of a source that deals in what is remembered of people.

It forwards to the stores and logs no text. Every change leaves its audit row.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.listings import Listings, MemoryRow, ProfileRow, ProfileState, Shield
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.memory_recall import Key, MemoryRecall, Recallable, Recalled
from scheduler_core.db.memory_rows import ArchivedMemory, Memory, MemoryLineage, MemoryState, MergeRecord
from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.db.profile_history import FoundVersion, ProfileHistory
from scheduler_core.db.profile_store import Draft, ProfileSnapshot, ProfileStore
from scheduler_core.domain import Entity, MemoryFilter, ProfileFilter, ProfileVersion

__all__ = [
    "ArchivedMemory",
    "DatabaseRecords",
    "Draft",
    "FoundVersion",
    "Key",
    "Memory",
    "MemoryLineage",
    "MemoryRow",
    "MemoryState",
    "MergeRecord",
    "ProfileRow",
    "ProfileSnapshot",
    "ProfileState",
    "Recallable",
    "Recalled",
    "Records",
    "Shield",
]


class Records(Protocol):
    """What the screens of profiles and memories ask for and do. Every method may raise a SchedulerError."""

    async def profiles(
        self, wanted: ProfileFilter, *, after: ProfileRow | None = None, limit: int = 300
    ) -> list[ProfileRow]: ...

    async def snapshot(self, entity: Entity) -> ProfileSnapshot | None: ...

    async def versions(self, entity: Entity, *, page: int = 100) -> tuple[ProfileVersion, ...]: ...

    async def version(self, entity: Entity, number: int) -> FoundVersion: ...

    async def drafts(self, entity: Entity) -> tuple[Draft, ...]: ...

    async def roll_back(
        self, entity: Entity, number: int, *, newest: int | None = None
    ) -> tuple[UUID, ProfileVersion]: ...

    async def pin(self, entity: Entity, attribute_id: int, *, pinned: bool) -> None: ...

    async def memories(
        self, state: str, wanted: MemoryFilter, *, after: MemoryRow | None = None, limit: int = 300
    ) -> list[MemoryRow]: ...

    async def memory_in_use(self, bot_id: str, memory_id: str) -> MemoryRow | None: ...

    async def lineage(self, bot_id: str, memory_id: str) -> MemoryLineage | None: ...

    async def members(self, bot_id: str, merge: MergeRecord, *, limit: int = 50) -> tuple[MemoryRow, ...]: ...

    async def recallable(self, wanted: Sequence[Key]) -> Recallable: ...

    async def recall(self, wanted: Sequence[Key]) -> Recalled: ...

    async def restore(self, bot_id: str, memory_id: str) -> tuple[str, ...]: ...


class DatabaseRecords:
    """The stores of one database behind `Records`.

    Args:
        actor: who acts, for the audit.
    """

    def __init__(self, database: Database, *, actor: str) -> None:
        profiles, listings = ProfileStore(database), Listings(database)
        recall = MemoryRecall(database, actor=actor)
        self._actor = actor
        self._past = ProfileHistory(database)
        self._memories = MemoryStore(database)
        self._archive = MemoryArchive(database)
        self.profiles = listings.profiles
        self.memories = listings.memories
        self.memory_in_use = listings.memory_in_use
        self.snapshot = profiles.snapshot
        self.versions = profiles.versions
        self.drafts = profiles.drafts
        self.version = self._past.version
        self.members = listings.members
        self.recallable = recall.recallable
        self.recall = recall.recall

    async def roll_back(
        self, entity: Entity, number: int, *, newest: int | None = None
    ) -> tuple[UUID, ProfileVersion]:
        return await self._past.rollback(entity, number, actor=self._actor, newest=newest)

    async def pin(self, entity: Entity, attribute_id: int, *, pinned: bool) -> None:
        await self._past.pin(entity, attribute_id, pinned=pinned, actor=self._actor)

    async def lineage(self, bot_id: str, memory_id: str) -> MemoryLineage | None:
        return (await self._memories.lineage(memory_id, bot_id=bot_id)).get(bot_id)

    async def restore(self, bot_id: str, memory_id: str) -> tuple[str, ...]:
        return await self._archive.restore(bot_id, memory_id, actor=self._actor)
