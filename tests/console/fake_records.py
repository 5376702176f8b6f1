"""Profiles and memories of the fake source, in memory.

`test_records` holds it to the same promises as the real one where screens rely on them.
"""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from uuid import UUID

from bawt_console.records import (
    ArchivedMemory,
    Draft,
    FoundVersion,
    Key,
    Memory,
    MemoryLineage,
    MemoryRow,
    MemoryState,
    MergeRecord,
    ProfileRow,
    ProfileSnapshot,
    ProfileState,
    Recallable,
    Recalled,
    Shield,
)
from scheduler_core.domain import Entity, MemoryFilter, ProfileFilter, ProfileVersion
from scheduler_core.errors import NotFoundError, StateError
from tests.console.believable_people import KnownOf, People, worth

if TYPE_CHECKING:
    from tests.console.fakes import FakeSource


class FakeRecords:
    """What the world of its source remembers of people."""

    def __init__(self, source: "FakeSource") -> None:
        self._source = source

    @property
    def _people(self) -> People:
        return self._source.world.people

    def _ask(self, name: str) -> None:
        self._source.asked.append(name)
        if self._source.failure is not None:
            raise self._source.failure

    # Profiles

    async def profiles(
        self, wanted: ProfileFilter, *, after: ProfileRow | None = None, limit: int = 300
    ) -> list[ProfileRow]:
        self._ask("profiles")
        rows = sorted((known.row for known in self._people.profiles.values()), key=_name_of)
        found = [
            row
            for row in rows
            if _answers(row, wanted) and (after is None or _name_of(row) > _name_of(after))
        ]
        return found[:limit]

    async def snapshot(self, entity: Entity) -> ProfileSnapshot | None:
        self._ask("snapshot")
        known = self._people.profiles.get(entity)
        if known is None:
            return None
        return ProfileSnapshot(
            profile=known.row.profile,
            recipe=7,
            version=known.versions[-1] if known.versions else None,
            attributes=known.attributes,
            at=self._source.now,
            held=known.row.state is ProfileState.HELD,
        )

    async def versions(self, entity: Entity, *, page: int = 100) -> tuple[ProfileVersion, ...]:
        self._ask("versions")
        known = self._people.profiles.get(entity)
        return () if known is None else tuple(reversed(known.versions))[:page]

    async def version(self, entity: Entity, number: int) -> FoundVersion:
        self._ask("version")
        known = self._known(entity)
        found = next((each for each in known.versions if each.version == number), None)
        if found is None:
            raise NotFoundError(f"There is no version {number} of {entity}.", "")
        cited = {each for sentence in found.sentences for each in sentence.attribute_ids}
        there = {each.id for each in known.attributes}
        is_old = found is not known.versions[-1]
        return FoundVersion(
            version=found,
            deleted=tuple(sorted(cited - there)),
            changed=tuple(sorted(cited & known.changed)) if is_old else (),
        )

    async def drafts(self, entity: Entity) -> tuple[Draft, ...]:
        self._ask("drafts")
        return self._known(entity).drafts

    async def roll_back(
        self, entity: Entity, number: int, *, newest: int | None = None
    ) -> tuple[UUID, ProfileVersion]:
        known = self._known(entity)
        last = known.versions[-1].version
        if newest is not None and newest != last:
            raise StateError(f"{entity} is at version {last} by now, not at {newest}.", "Look at it first.")
        found = await self.version(entity, number)
        made = replace(found.version, version=last + 1, created_at=self._source.now)
        known.versions.append(made)
        profile = replace(known.row.profile, summary=made.summary, summary_updated_at=self._source.now)
        known.row = replace(known.row, profile=profile, state=ProfileState.HELD, version=made.version)
        self._source.tell("profiles")
        return UUID(int=99), made

    async def pin(self, entity: Entity, attribute_id: int, *, pinned: bool) -> None:
        known = self._known(entity)
        if all(each.id != attribute_id for each in known.attributes):
            raise NotFoundError(f"{entity} has no attribute {attribute_id}.", "")
        known.attributes = tuple(
            replace(each, pinned=pinned) if each.id == attribute_id else each for each in known.attributes
        )
        self._source.tell("profiles")

    def _known(self, entity: Entity) -> KnownOf:
        try:
            return self._people.profiles[entity]
        except KeyError:
            raise NotFoundError(f"Nothing is known of {entity}.", "Check how it is spelt.") from None

    # Memories

    async def memories(
        self, state: str, wanted: MemoryFilter, *, after: MemoryRow | None = None, limit: int = 300
    ) -> list[MemoryRow]:
        self._ask("memories")
        if state == MemoryState.ACTIVE:
            rows = [self._in_use(each) for each in self._people.memories]
            rows = [row for row in rows if after is None or _place(row) > _place(after)]
        else:
            copies = sorted(self._people.archived, key=lambda each: -each.number)
            last = None if after is None else after.number
            rows = [
                _left(each) for each in copies if each.state == state and (last is None or each.number < last)
            ]
        return [row for row in rows if _fits(row, wanted)][:limit]

    async def memory_in_use(self, bot_id: str, memory_id: str) -> MemoryRow | None:
        self._ask("memory_in_use")
        return next(
            (
                self._in_use(each)
                for each in self._people.memories
                if (each.bot_id, each.id) == (bot_id, memory_id)
            ),
            None,
        )

    async def lineage(self, bot_id: str, memory_id: str) -> MemoryLineage | None:
        self._ask("lineage")
        people, key = self._people, (bot_id, memory_id)
        active = next((each for each in people.memories if (each.bot_id, each.id) == key), None)
        archived = tuple(
            each for each in reversed(people.archived) if (each.memory.bot_id, each.memory.id) == key
        )
        merges = tuple(each for each in people.merges.get(bot_id, ()) if each.survivor == memory_id)
        if active is None and not archived and not merges:
            return None
        return MemoryLineage(active=active, archived=archived, merges=merges)

    async def members(self, bot_id: str, merge: MergeRecord, *, limit: int = 50) -> tuple[MemoryRow, ...]:
        found = [each for each in self._people.archived if each.memory.bot_id == bot_id]
        return tuple(_left(each) for each in found if each.merged_into == merge.survivor)[:limit]

    async def recallable(self, wanted: Sequence[Key]) -> Recallable:
        copies = [
            each for each in self._people.archived if (each.memory.bot_id, each.memory.id) in set(wanted)
        ]
        return Recallable(len(copies), len({each.number for copy in copies for each in self._with(copy)}))

    async def recall(self, wanted: Sequence[Key]) -> Recalled:
        back: set[Key] = set()
        left_out = []
        for bot, id_ in wanted:
            if (bot, id_) in back:
                continue
            try:
                back |= {(bot, each) for each in await self.restore(bot, id_)}
            except NotFoundError as error:
                left_out.append(error.title)
        return Recalled(tuple(sorted(back)), tuple(left_out))

    async def restore(self, bot_id: str, memory_id: str) -> tuple[str, ...]:
        people, key = self._people, (bot_id, memory_id)
        copy = next((each for each in people.archived if (each.memory.bot_id, each.memory.id) == key), None)
        if copy is None:
            raise NotFoundError(f"There is no archived memory {memory_id} of {bot_id}.", "")
        back = self._with(copy)
        people.archived = [each for each in people.archived if each not in back]
        people.memories = sorted(
            [*people.memories, *(each.memory for each in back)], key=lambda m: (m.bot_id, m.id)
        )
        self._source.tell("memories")
        return tuple(each.memory.id for each in back)

    def _with(self, copy: ArchivedMemory) -> list[ArchivedMemory]:
        if copy.merged_into is None:
            return [copy]
        same = (copy.memory.bot_id, copy.merged_into)
        return [each for each in self._people.archived if (each.memory.bot_id, each.merged_into) == same]

    def _in_use(self, memory: Memory) -> MemoryRow:
        numbers = worth(memory, self._source.now)
        value = float(str(numbers["value"]))
        return MemoryRow(
            memory=memory,
            state=MemoryState.ACTIVE,
            at=memory.created_at or self._source.now,
            score=value,
            numbers=numbers,
            shield=_shield(memory, value, numbers),
        )


def _shield(memory: Memory, value: float, numbers: dict[str, object]) -> Shield | None:
    if memory.pinned:
        return Shield.PINNED
    if memory.source == "explicit":
        return Shield.EXPLICIT
    if "health" in memory.tags:
        return Shield.TAG
    if memory.importance >= 0.9:
        return Shield.IMPORTANT
    return Shield.YOUNG if value < 0.05 and float(str(numbers["days_idle"])) < 30 else None


def _left(copy: ArchivedMemory) -> MemoryRow:
    return MemoryRow(
        memory=copy.memory,
        state=copy.state,
        at=copy.archived_at,
        number=copy.number,
        run_id=copy.run_id,
        merged_into=copy.merged_into,
        score=copy.score,
        numbers=copy.numbers,
    )


def _name_of(row: ProfileRow) -> tuple[str, str]:
    return row.profile.entity.type, row.profile.entity.id


def _place(row: MemoryRow) -> Key:
    return row.memory.bot_id, row.memory.id


def _answers(row: ProfileRow, wanted: ProfileFilter) -> bool:
    """Whether the database would give this profile for a filter."""
    text = f"{row.profile.entity.id} {row.profile.display_name or ''}".lower()
    return (
        wanted.type in (None, row.profile.entity.type)
        and (not wanted.states or row.state in wanted.states)
        and all(word.lower() in text for word in wanted.words)
    )


def _fits(row: MemoryRow, wanted: MemoryFilter) -> bool:
    """Whether the database would give this memory for a filter."""
    memory = row.memory
    score = wanted.scores[0] if row.score is None else row.score
    return (
        (wanted.bot is None or fnmatchcase(memory.bot_id, wanted.bot))
        and (wanted.tag is None or wanted.tag.lower() in [tag.lower() for tag in memory.tags])
        and all(word.lower() in memory.content.lower() or word == memory.id for word in wanted.words)
        and wanted.scores[0] <= score <= wanted.scores[1]
        and wanted.importances[0] <= memory.importance <= wanted.importances[1]
    )
