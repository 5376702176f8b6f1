"""Where a run's log lines and progress go. Messages name entities, keys, ids and counts, never values."""

from typing import Protocol

from scheduler_core.domain import EventLevel


class Reporter(Protocol):
    async def log(self, level: EventLevel, message: str) -> None: ...

    async def progress(self, text: str) -> None: ...


class Silent:
    """A reporter that keeps nothing."""

    async def log(self, level: EventLevel, message: str) -> None: ...

    async def progress(self, text: str) -> None: ...
