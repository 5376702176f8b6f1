"""A scheduler node as a process of its own, with job types that sleep, fail and use the database.

    python -m tests.chaos.node '{"name": "a", "url": "postgresql://…", "folder": "/tmp/…"}'

Prints its node id when it is up, and stops in order at SIGTERM. What its handlers do goes line by line into
`NAME.executions`, which survives a SIGKILL.
"""

import asyncio
import dataclasses
import datetime
import json
import logging
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scheduler_core.runtime import Runtime
    from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult

LIMITED_RUNNING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """What a node is told when it starts.

    Attributes:
        folder: where its log, its data and its executions go.
        clock_offset: seconds that this process's own clock is wrong by.
        settings: further settings of the product.
    """

    name: str
    url: str
    folder: str
    seed: int = 0
    clock_offset: float = 0.0
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


def main() -> None:
    options = NodeOptions(**json.loads(sys.argv[1]))
    if options.clock_offset:
        # Before anything else is imported, so that all of it sees the wrong time.
        set_clock_wrong(options.clock_offset)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(run_node(options))


def set_clock_wrong(offset: float) -> None:
    """Lets `time` and `datetime` of this process lie by `offset` seconds."""
    right_time, right_datetime = time.time, datetime.datetime
    shift = datetime.timedelta(seconds=offset)

    class WrongDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return right_datetime.now(tz) + shift

        @classmethod
        def utcnow(cls) -> Any:
            return right_datetime.now(datetime.UTC).replace(tzinfo=None) + shift

    time.time = lambda: right_time() + offset
    time.time_ns = lambda: int((right_time() + offset) * 1_000_000_000)
    datetime.datetime = WrongDatetime  # type: ignore[misc]  # to lie is the purpose


async def run_node(options: NodeOptions) -> None:
    from scheduler_core.runtime import open_runtime
    from scheduler_core.settings import Settings

    values = {
        "database_url": options.url,
        "data_dir": Path(options.folder) / options.name,
        "node_name": options.name,
        "scheduler_lease_seconds": 2,
        "scheduler_retry_base_seconds": 0.05,
        "scheduler_max_attempts": 20,
        "scheduler_max_concurrent_runs": 50,
        "scheduler_stop_grace_seconds": 2,
        "scheduler_check_interval_seconds": 5,
        "bots": ("ada", "eli"),
    }
    work = Work(options)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with open_runtime(Settings(**{**values, **options.settings}), kinds=work.kinds()) as runtime:
        work.runtime = runtime
        print(runtime.node_id, flush=True)
        await stopped.wait()


class Work:
    """The handlers of one node, and their diary."""

    def __init__(self, options: NodeOptions) -> None:
        self.runtime: Runtime | None = None
        self._random = random.Random(options.seed)
        diary = Path(options.folder) / f"{options.name}.executions"
        self._diary = os.open(diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def kinds(self) -> "list[JobKind]":
        from scheduler_core.tasks.task import JobKind

        return [
            JobKind(name="noop", handler=self._of(self._nothing)),
            JobKind(name="nap", handler=self._of(self._nap)),
            JobKind(name="doze", handler=self._of(self._doze)),
            JobKind(name="sleep", handler=self._of(self._sleep)),
            JobKind(name="moody", handler=self._of(self._moody)),
            JobKind(name="query", handler=self._of(self._query)),
            JobKind(name="hog", handler=self._of(self._hog)),
            JobKind(name="each", handler=self._of(self._nap), per_bot=True),
            JobKind(name="limited", handler=self._of(self._nap), max_running=LIMITED_RUNNING),
        ]

    def _of(self, doing: Any) -> Any:
        async def handle(task: "Task", context: "TaskContext") -> "TaskResult":
            from scheduler_core.tasks.task import TaskResult

            self._write("begin", task)
            await doing(task, context)
            self._write("end", task)
            return TaskResult(result={"attempt": task.attempt})

        return handle

    def _write(self, what: str, task: "Task") -> None:
        # One write of one line: whole or not there, however the process ends.
        entry = {
            "what": what,
            "run": str(task.run_id),
            "job": str(task.job_id),
            "type": task.kind.name,
            "bot": task.bot_id,
            "at": time.monotonic(),
        }
        os.write(self._diary, f"{json.dumps(entry)}\n".encode())

    async def _nothing(self, task: "Task", context: "TaskContext") -> None:
        pass

    async def _nap(self, task: "Task", context: "TaskContext") -> None:
        await asyncio.sleep(self._random.uniform(0.01, 0.05))

    async def _doze(self, task: "Task", context: "TaskContext") -> None:
        from scheduler_core.domain import EventLevel

        await context.log(EventLevel.INFO, "dozing")
        await context.progress("dozing")
        await asyncio.sleep(self._random.uniform(0.5, 2.0))

    async def _sleep(self, task: "Task", context: "TaskContext") -> None:
        # Longer than a server is away in these tests.
        await asyncio.sleep(8)

    async def _moody(self, task: "Task", context: "TaskContext") -> None:
        from scheduler_core.errors import RunError

        await asyncio.sleep(0.01)
        if self._random.random() < 0.3:
            raise RunError("Not in the mood.")

    async def _query(self, task: "Task", context: "TaskContext") -> None:
        await self._hold_connection(0.2)

    async def _hog(self, task: "Task", context: "TaskContext") -> None:
        # Longer than anybody waits for a connection.
        await self._hold_connection(12)

    async def _hold_connection(self, seconds: float) -> None:
        """Keeps a connection of the node's own pool to itself."""
        assert self.runtime is not None
        async with self.runtime.database.transaction() as connection:
            await connection.execute("SELECT pg_sleep($1)", seconds)


if __name__ == "__main__":
    main()
