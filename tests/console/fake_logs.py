"""The part of the fake source that reads logs."""

from typing import TYPE_CHECKING
from uuid import UUID

from scheduler_core.domain import EventLevel, LogExtent, RunEvent

if TYPE_CHECKING:
    from tests.console.fakes import FakeSource

_LEVELS = list(EventLevel)


class FakeLogs:
    """Reads the events of its source's world; held to the real one by `test_log`."""

    def __init__(self, source: "FakeSource") -> None:
        self._source = source

    async def page(
        self,
        run_id: UUID,
        *,
        after: int | None = None,
        before: int | None = None,
        least: EventLevel = EventLevel.DEBUG,
        limit: int = 500,
    ) -> list[RunEvent]:
        events = self._of(run_id, least)
        if after is not None:
            return [each for each in events if each.id > after][:limit]
        return [each for each in events if before is None or each.id < before][-limit:]

    async def find(
        self,
        run_id: UUID,
        text: str,
        *,
        after: int | None = None,
        before: int | None = None,
        least: EventLevel = EventLevel.DEBUG,
    ) -> int | None:
        found = [each.id for each in self._of(run_id, least) if text.lower() in each.message.lower()]
        if after is not None:
            return min((each for each in found if each > after), default=None)
        return max((each for each in found if before is not None and each < before), default=None)

    async def extent(
        self, run_id: UUID, *, to: int, text: str = "", least: EventLevel = EventLevel.DEBUG
    ) -> LogExtent:
        found = [each.id for each in self._of(run_id, least) if text.lower() in each.message.lower()]
        return LogExtent(lines=len(found), place=sum(each <= to for each in found))

    def _of(self, run_id: UUID, least: EventLevel) -> list[RunEvent]:
        self._source._ask("events")
        events = self._source.world.events.get(run_id, [])
        return [each for each in events if _LEVELS.index(each.level) >= _LEVELS.index(least)]
