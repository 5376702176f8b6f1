"""Reads the runs that this node finished, in batches, and hands each to whoever wants it, once.

A sink that fails is said so in the log and keeps nobody else from hearing. It changes nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from scheduler_core.db.history import History
from scheduler_core.domain import Run
from scheduler_core.errors import DatabaseError

log = logging.getLogger(__name__)

Sink = Callable[[Sequence[Run]], Awaitable[None]]

# Runs told within this time share a statement.
WINDOW_SECONDS = 0.2
MOST_AT_ONCE = 1_000
LONGEST_PAUSE_SECONDS = 15.0


class FinishedRuns:
    """See the module. `tell` may be called from anywhere on the event loop; `run` does the rest.

    Args:
        sinks: each gets every run that ended; one that raises is passed over for that batch.
    """

    def __init__(self, history: History, sinks: Sequence[Sink]) -> None:
        self._history = history
        self._sinks = sinks
        self._waiting: list[UUID] = []
        self._something = asyncio.Event()

    def tell(self, run_ids: Sequence[UUID]) -> None:
        """Notes that these runs ended."""
        self._waiting += run_ids
        self._something.set()

    async def run(self) -> None:
        """Reads and hands out for ever; a lost database makes it wait."""
        pause = WINDOW_SECONDS
        while True:
            await self._something.wait()
            await asyncio.sleep(pause)
            try:
                await self.run_once()
                pause = WINDOW_SECONDS
            except DatabaseError as error:
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                log.warning("Runs that ended cannot be read [%s]: %s", error.error_id, error)

    async def run_once(self) -> int:
        """Hands out what waits now; returns how many runs that were.

        Raises:
            DatabaseError: they cannot be read; they wait for the next time.
        """
        batch = self._waiting[:MOST_AT_ONCE]
        runs = await self._history.runs_by_id(batch) if batch else []
        del self._waiting[: len(batch)]
        if not self._waiting:
            self._something.clear()
        for sink in self._sinks:
            try:
                await sink(runs)
            except Exception as error:  # noqa: BLE001 - a border: watching must not stop what is watched
                log.warning("A watcher of runs failed: %s", type(error).__name__)
        return len(runs)
