"""Profiles and memories of the fake source, in memory."""

from typing import TYPE_CHECKING
from uuid import UUID

from bawt_console.records import (
    Draft,
    FoundVersion,
    MemoryLineage,
    MemoryRow,
    ProfileRow,
    ProfileSnapshot,
)
from scheduler_core.domain import Entity, MemoryFilter, ProfileFilter, ProfileVersion
from scheduler_core.errors import NotFoundError

if TYPE_CHECKING:
    from tests.console.fakes import FakeSource


class FakeRecords:
    """What the world of its source remembers of people; nothing yet."""

    def __init__(self, source: "FakeSource") -> None:
        self._source = source

    async def profiles(
        self, wanted: ProfileFilter, *, after: ProfileRow | None = None, limit: int = 300
    ) -> list[ProfileRow]:
        return []

    async def snapshot(self, entity: Entity) -> ProfileSnapshot | None:
        return None

    async def versions(self, entity: Entity, *, page: int = 100) -> tuple[ProfileVersion, ...]:
        return ()

    async def version(self, entity: Entity, number: int) -> FoundVersion:
        raise NotFoundError(f"{entity} has no version {number}.", "")

    async def drafts(self, entity: Entity) -> tuple[Draft, ...]:
        return ()

    async def roll_back(self, entity: Entity, number: int) -> tuple[UUID, ProfileVersion]:
        raise NotFoundError(f"{entity} has no version {number}.", "")

    async def pin(self, entity: Entity, attribute_id: int, *, pinned: bool) -> None:
        raise NotFoundError(f"{entity} has no attribute {attribute_id}.", "")

    async def memories(
        self, state: str, wanted: MemoryFilter, *, after: MemoryRow | None = None, limit: int = 300
    ) -> list[MemoryRow]:
        return []

    async def memory_in_use(self, bot_id: str, memory_id: str) -> MemoryRow | None:
        return None

    async def lineage(self, bot_id: str, memory_id: str) -> MemoryLineage | None:
        return None

    async def restore(self, bot_id: str, memory_id: str) -> tuple[str, ...]:
        raise NotFoundError(f"There is no memory {memory_id} of {bot_id}.", "")
