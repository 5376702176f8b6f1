"""Where a run's log lines and progress go. Messages name entities, keys, ids and counts, never values."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from scheduler_core.domain import EventLevel
from scheduler_core.llm.provider import TokenSink


class Reporter(Protocol):
    async def log(self, level: EventLevel, message: str) -> None: ...

    async def progress(self, text: str) -> None: ...

    def writing(self, max_tokens: int) -> AbstractContextManager[TokenSink | None]:
        """Entered while a model writes up to `max_tokens`; what it gives hears every token, if it is one."""
        ...


class Silent:
    """A reporter that keeps nothing."""

    async def log(self, level: EventLevel, message: str) -> None: ...

    async def progress(self, text: str) -> None: ...

    def writing(self, max_tokens: int) -> AbstractContextManager[TokenSink | None]:
        return nullcontext()
