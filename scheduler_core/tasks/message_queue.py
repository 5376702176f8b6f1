"""A queue whose tasks come from schedulers anywhere, as messages that name runs; PgQueuer carries them.

A task that comes out is a run that this node holds by now, exactly as with the queue in one process: the
message is gone, and what follows (lease, cancel, outcome, retry) knows nothing of it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import asyncpg

from scheduler_core.db.job_values import StartedRun
from scheduler_core.db.transport_store import WorkerStore
from scheduler_core.errors import DatabaseError, RunError
from scheduler_core.tasks.queue import InProcessQueue
from scheduler_core.tasks.recorder import Recorder, failed
from scheduler_core.tasks.task import Task, TaskFactory

log = logging.getLogger(__name__)

MOST_MESSAGES = 500
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 10.0
# Between looks that find messages and can start none of their runs.
LONGEST_REST_SECONDS = 1.0
ADOPT_SECONDS = 30.0


class MessageQueue(InProcessQueue):
    """One worker's end.

    Args:
        capacity: runs held at the same time; never more messages are taken than there are places.
        check_interval: seconds after which it looks for messages even if nothing called for it.
        models: those of this node, in lower case, as they are now.
        hints: `sent` among them says that a message was sent.
    """

    def __init__(
        self,
        *,
        store: WorkerStore,
        factory: TaskFactory,
        recorder: Recorder,
        capacity: int,
        check_interval: float,
        models: Callable[[], Sequence[str]],
        hints: AsyncIterator[frozenset[str]],
    ) -> None:
        super().__init__(capacity=capacity)
        self._store = store
        self._factory = factory
        self._recorder = recorder
        self._check_interval = check_interval
        self._models = models
        self._hints = hints
        self._wake = asyncio.Event()
        self._closed = False
        # Held from taking a message until its task is held, so that closing sees every run it took.
        self._taking = asyncio.Lock()
        self._hinted = True
        self._more = False
        self._look_at = 0.0
        self._ended: list[UUID] = []
        self._pause = FIRST_RETRY_SECONDS
        self._rest = FIRST_RETRY_SECONDS
        self._rests_until = 0.0
        # A new node holds nothing.
        self._adopted = time.monotonic()

    async def listen(self) -> None:
        """Passes hints on for ever; without it messages are found at the interval."""
        async for kinds in self._hints:
            if "sent" in kinds:
                self._hinted = True
                self._wake.set()

    async def get(self) -> Sequence[Task]:
        """Every task that waits here, else those of the next messages; waits for some."""
        while True:
            self._wake.clear()
            await self._look()
            if self._waiting:
                return await super().get()
            if self._wants_more() and self._pause == FIRST_RETRY_SECONDS:
                continue
            try:
                async with asyncio.timeout(self._look_at - time.monotonic()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def done(self, task: Task) -> None:
        super().done(task)
        if self._more:
            # There were more messages than places.
            self._wake.set()

    def recorded(self, run_ids: Sequence[UUID]) -> None:
        """Told which runs' outcomes are written: another run of the same job may have waited for that."""
        self._ended += run_ids
        self._wake.set()

    async def tell_waiting(self) -> None:
        """Wakes the schedulers where a run waited for one that is over here.

        Raises:
            DatabaseError: the database is away; the next call tells them.
        """
        # They stay until they are told: who is cut off here leaves them to the last words.
        if ended := tuple(self._ended):
            await self._store.tell_waiting(ended)
            del self._ended[: len(ended)]

    async def close(self) -> None:
        self._closed = True
        async with self._taking:
            pass

    async def _look(self) -> None:
        """Takes what fits, if there may be something, and sets the time of the next look at the latest."""
        try:
            await self.tell_waiting()
            if self._wants_more() or time.monotonic() >= self._look_at:
                self._hinted = False
                self._look_at = time.monotonic() + self._check_interval
                async with self._taking:
                    await self._adopt()
                    await self._take()
            self._pause = FIRST_RETRY_SECONDS
        except DatabaseError as error:
            # The answer may have been lost after the commit.
            self._adopted = float("-inf")
            log.warning("Cannot look for messages [%s]: %s", error.error_id, error)
            self._look_at = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, LONGEST_RETRY_SECONDS)
        except asyncpg.UniqueViolationError:
            # Another node took the same concurrency slot between our look and our write.
            self._look_at = time.monotonic() + FIRST_RETRY_SECONDS

    def _wants_more(self) -> bool:
        is_called = self._hinted or (self._more and self.free > 0)
        return is_called and time.monotonic() >= self._rests_until

    async def _take(self) -> None:
        """What comes goes to work before more is fetched."""
        most = 0 if self._closed else min(MOST_MESSAGES, self.free)
        if most == 0:
            self._more = not self._closed
            return
        runs, messages = await self._store.take(models=self._models(), most=most)
        self._more = messages == most
        if runs:
            self._rest = FIRST_RETRY_SECONDS
        elif messages:
            # A run that may not start now gets another message at once, which would go round and round.
            self._look_at = self._rests_until = time.monotonic() + self._rest
            self._rest = min(self._rest * 2, LONGEST_REST_SECONDS)
        await self._hold(runs)

    async def _adopt(self) -> None:
        """Runs what was started for this node when the connection broke before the answer came."""
        if time.monotonic() - self._adopted < ADOPT_SECONDS:
            return
        runs = await self._store.held_runs(known=[*self.run_ids, *self._recorder.run_ids])
        self._adopted = time.monotonic()
        if runs:
            log.warning("The answer that started %d runs was lost; they start now.", len(runs))
            await self._hold(runs)

    async def _hold(self, runs: Sequence[StartedRun]) -> None:
        await self.put([task for run in runs if (task := self._task_of(run)) is not None])

    def _task_of(self, run: StartedRun) -> Task | None:
        try:
            return self._factory.task_of(run)
        except RunError as error:
            self._recorder.finish(failed(run.id, f"{error} [{error.error_id}]"))
            return None
