"""The seam between the scheduler, which starts runs, and whatever carries their tasks to a processor.

`job_runs` stays the truth whatever the transport: a task that is lost on the way is a run whose lease
expires, and is tried again.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from scheduler_core.tasks.task import Task


class TaskSink(Protocol):
    """Where a scheduler puts the tasks it started."""

    @property
    def free(self) -> int:
        """Places left."""
        ...

    @property
    def held(self) -> int:
        """Tasks queued or running, but for those that were given up."""
        ...

    @property
    def run_ids(self) -> Sequence[UUID]:
        """The runs of these tasks."""
        ...

    async def put(self, tasks: Sequence[Task]) -> None: ...


class TaskQueue(TaskSink, Protocol):
    """Carries tasks to the processor that calls `get`; a task keeps its place until `done`."""

    async def get(self) -> Sequence[Task]:
        """Every task that waits, at least one."""
        ...

    def done(self, task: Task) -> None:
        """Gives back the place of a task that ended."""
        ...

    def give_up(self, task: Task) -> None:
        """Nobody waits for this task any more; it keeps its place until `done`."""
        ...

    async def close(self) -> None:
        """Nothing comes from elsewhere after this; what is held here goes on."""
        ...

    async def wait_empty(self) -> None:
        """Returns when no task is queued or running, but for those that were given up."""
        ...


class NowhereHere:
    """The sink of a scheduler whose runs start where their messages arrive: it never fills and holds nothing.

    Args:
        batch: how much may be claimed at once.
    """

    held = 0
    run_ids: Sequence[UUID] = ()

    def __init__(self, *, batch: int) -> None:
        self.free = batch

    async def put(self, tasks: Sequence[Task]) -> None:
        assert not tasks, "nothing starts here"


class InProcessQueue:
    """Tasks for the processor of the same process; at most `capacity` queued and running together."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._held: set[UUID] = set()
        self._given_up: set[UUID] = set()
        self._waiting: list[Task] = []
        self._something = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def free(self) -> int:
        return self._capacity - len(self._held)

    @property
    def held(self) -> int:
        return len(self._held) - len(self._given_up)

    @property
    def run_ids(self) -> Sequence[UUID]:
        return tuple(self._held)

    async def put(self, tasks: Sequence[Task]) -> None:
        if tasks:
            self._held.update([task.run_id for task in tasks])
            self._waiting += tasks
            self._empty.clear()
            self._something.set()

    async def get(self) -> Sequence[Task]:
        await self._something.wait()
        self._something.clear()
        tasks, self._waiting = self._waiting, []
        return tasks

    def done(self, task: Task) -> None:
        self._held.discard(task.run_id)
        self._given_up.discard(task.run_id)
        if len(self._held) == len(self._given_up):
            self._empty.set()

    def give_up(self, task: Task) -> None:
        self._given_up.add(task.run_id)
        if not self.held:
            self._empty.set()

    async def close(self) -> None:
        """Everything comes from this process."""

    async def wait_empty(self) -> None:
        await self._empty.wait()
