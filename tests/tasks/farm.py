"""Nodes within this process whose handlers the test holds in its hands."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.llm.provider import TextModel
from scheduler_core.runtime import Runtime, open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult
from tests.chaos.load import until

ADD = """
    INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at, config_json)
    SELECT $1, 'b' || n, 60, now() + make_interval(secs => $3), $4 FROM generate_series(1, $2::integer) AS n
    RETURNING id
"""
OVER = "SELECT count(*) FROM job_runs WHERE job_type <> ALL ($1) AND finished_at IS NOT NULL"
# Jobs that every database starts with.
DEFAULTS = ["profile_maintenance", "memory_consolidation", "memory_decay"]


class Farm:
    """Nodes on one database.

    Attributes:
        begun: each call of a handler: job type, bot and the node that did it, in order.
        gate: `wait` ends when it is set.
    """

    def __init__(self, url: str, folder: Path, stack: AsyncExitStack, connection: Connection) -> None:
        self.begun: list[tuple[str, str, str]] = []
        self.gate = asyncio.Event()
        self.most: Counter[str] = Counter()
        self.connection = connection
        self._running: Counter[str] = Counter()
        self._url = url
        self._folder = folder
        self._stack = stack

    async def start(
        self,
        name: str,
        *,
        kinds: tuple[str, ...] = ("nap", "wait", "pair", "rare"),
        model: TextModel | None = None,
        **settings: Any,
    ) -> Runtime:
        """Starts a node; it is stopped at the end. `model` is the one it announces."""
        node = _Node(self, name)
        made = {
            "nap": JobKind(name="nap", handler=node.nap),
            "wait": JobKind(name="wait", handler=node.wait),
            "pair": JobKind(name="pair", handler=node.nap, max_running=2),
            "rare": JobKind(name="rare", handler=node.nap),
        }
        values: dict[str, Any] = {
            "database_url": self._url,
            "data_dir": self._folder / name,
            "node_name": name,
            "scheduler_check_interval_seconds": 30,
            "scheduler_lease_seconds": 5,
            "scheduler_retry_base_seconds": 0.05,
            "scheduler_stop_grace_seconds": 0.2,
        }
        wanted = Settings(**(values | settings))
        return await self._stack.enter_async_context(
            open_runtime(wanted, kinds=[made[kind] for kind in kinds], model=model)
        )

    async def add_jobs(
        self, job_type: str, count: int = 1, *, due_in: float = 0.0, config: str = "{}"
    ) -> list[UUID]:
        rows = await self.connection.fetch(ADD, job_type, count, due_in, config)
        return [row["id"] for row in rows]

    async def until_over(self, count: int, *, seconds: float = 20) -> None:
        async def over() -> bool:
            return bool(await self.connection.fetchval(OVER, DEFAULTS) >= count)

        await until(over, seconds=seconds, what=f"{count} runs are over")

    async def until_begun(self, count: int) -> None:
        async def begun() -> bool:
            return len(self.begun) >= count

        await until(begun, seconds=20, what=f"{count} handlers are at work")

    async def statuses(self, job_type: str) -> dict[str, int]:
        rows = await self.connection.fetch(
            "SELECT status, count(*) FROM job_runs WHERE job_type = $1 GROUP BY 1", job_type
        )
        return {row[0]: row[1] for row in rows}

    def workers(self) -> Counter[str]:
        """How many handlers each node called."""
        return Counter(node for _, _, node in self.begun)

    async def work(self, task: Task, node: str, doing: Callable[[], Awaitable[object]]) -> TaskResult:
        self.begun.append((task.kind.name, task.bot_id, node))
        self._running[task.kind.name] += 1
        self.most[task.kind.name] = max(self.most[task.kind.name], self._running[task.kind.name])
        try:
            await doing()
        finally:
            self._running[task.kind.name] -= 1
        return TaskResult(result={"node": node})


class _Node:
    """The handlers of one node."""

    def __init__(self, farm: Farm, name: str) -> None:
        self._farm = farm
        self._name = name

    async def nap(self, task: Task, context: TaskContext) -> TaskResult:
        return await self._farm.work(task, self._name, lambda: asyncio.sleep(0.005))

    async def wait(self, task: Task, context: TaskContext) -> TaskResult:
        return await self._farm.work(task, self._name, self._farm.gate.wait)


@asynccontextmanager
async def open_farm(url: str, folder: Path) -> AsyncIterator[Farm]:
    """Nodes end before this does, and their handlers are let go."""
    connection = await asyncpg.connect(url)
    try:
        async with AsyncExitStack() as stack:
            farm = Farm(url, folder, stack, connection)
            try:
                yield farm
            finally:
                farm.gate.set()
    finally:
        connection.terminate()
