"""The part of a log that is in memory: some hundred lines around where a person reads, of however many.

It asks for pages and forgets what was left far behind. It shows nothing.
"""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from scheduler_core.domain import EventLevel, LogExtent, RunEvent

PAGE = 400
MOST_LINES = 1200


class LogPages(Protocol):
    """Where the lines of runs are. Every method may raise a SchedulerError."""

    async def page(
        self,
        run_id: UUID,
        *,
        after: int | None = None,
        before: int | None = None,
        least: EventLevel = EventLevel.DEBUG,
        limit: int = PAGE,
    ) -> list[RunEvent]: ...

    async def find(
        self,
        run_id: UUID,
        text: str,
        *,
        after: int | None = None,
        before: int | None = None,
        least: EventLevel = EventLevel.DEBUG,
    ) -> int | None: ...

    async def extent(
        self, run_id: UUID, *, to: int, text: str = "", least: EventLevel = EventLevel.DEBUG
    ) -> LogExtent: ...


@dataclass(slots=True)
class LogWindow:
    """See the module.

    Attributes:
        least: lines that matter less are left out.
        events: oldest first, without gaps.
        is_start, is_end: whether there is nothing before or behind them.
        extent: of the whole log; its place is that of the first of `events`.
    """

    run_id: UUID | None = None
    least: EventLevel = EventLevel.DEBUG
    events: list[RunEvent] = field(default_factory=list)
    is_start: bool = True
    is_end: bool = True
    extent: LogExtent = field(default_factory=LogExtent)

    async def to_end(self, pages: LogPages, run_id: UUID) -> None:
        """The last lines."""
        found = await pages.page(run_id, least=self.least, limit=PAGE)
        self.run_id, self.events = run_id, found
        self.is_start, self.is_end = len(found) < PAGE, True

    async def to_start(self, pages: LogPages) -> None:
        """The first lines."""
        if self.run_id is None:
            return
        found = await pages.page(self.run_id, after=0, least=self.least, limit=PAGE)
        self.events, self.is_start, self.is_end = found, True, len(found) < PAGE

    async def around(self, pages: LogPages, event_id: int) -> None:
        """As many lines before a place as behind it."""
        if self.run_id is None:
            return
        half = PAGE // 2
        before = await pages.page(self.run_id, before=event_id + 1, least=self.least, limit=half)
        behind = await pages.page(self.run_id, after=event_id, least=self.least, limit=half)
        self.events = before + behind
        self.is_start, self.is_end = len(before) < half, len(behind) < half

    async def earlier(self, pages: LogPages) -> None:
        """A page more at the start; the far end may be forgotten for it."""
        if self.run_id is None or self.is_start or not self.events:
            return
        before = self.events[0].id
        found = await pages.page(self.run_id, before=before, least=self.least, limit=PAGE)
        self.is_start = len(found) < PAGE
        self.events = found + self.events
        if len(self.events) > MOST_LINES:
            del self.events[MOST_LINES:]
            self.is_end = False

    async def later(self, pages: LogPages) -> None:
        """A page more at the end; the far start may be forgotten for it."""
        if self.run_id is None:
            return
        after = self.events[-1].id if self.events else 0
        found = await pages.page(self.run_id, after=after, least=self.least, limit=PAGE)
        self.is_end = len(found) < PAGE
        self.events = self.events + found
        if len(self.events) > MOST_LINES:
            del self.events[:-MOST_LINES]
            self.is_start = False

    async def follow(self, pages: LogPages) -> None:
        """What was written since. A burst of more than a page is not walked through: its end is shown."""
        if self.run_id is None or not self.is_end:
            return
        await self.later(pages)
        if not self.is_end:
            await self.to_end(pages, self.run_id)

    async def count(self, pages: LogPages) -> None:
        """Finds out how long the log is and where the window stands in it."""
        if self.run_id is not None:
            to = self.events[0].id if self.events else 0
            self.extent = await pages.extent(self.run_id, to=to, least=self.least)
