"""Processes under measurement, and the two ends of their talk: one JSON object a line, words back.

A worker says `ready` when it is set up. It works when told `go`, and ends when told `stop` or when this
process is gone.
"""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something a worker said. `at` is the machine's clock in seconds, which the database shares."""

    worker: "Worker"
    kind: str
    at: float
    facts: dict[str, Any]


class WorkerError(Exception):
    """A worker ended or fell silent."""


class Worker:
    """One process of a crew."""

    def __init__(self, process: Process, name: str) -> None:
        self.name = name
        self.expected_to_end = False
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())

    def kill(self) -> None:
        """SIGKILL."""
        self.expected_to_end = True
        self._process.send_signal(signal.SIGKILL)

    async def stop(self) -> float:
        """Asks it to end and waits; returns the seconds that took."""
        self.expected_to_end = True
        asked = time.monotonic()
        if self._process.returncode is None:
            self.tell("stop")
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        return time.monotonic() - asked

    async def lines(self) -> AsyncIterator[Event]:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            facts = json.loads(line)
            yield Event(self, facts.pop("event"), facts.pop("at"), facts)

    async def ended(self) -> int:
        return await self._process.wait()


class Crew:
    """Starts workers and hears them all."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._workers: list[Worker] = []

    async def start(self, module: str, *arguments: str, name: str = "") -> Worker:
        """Starts `python -m module` and waits until it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, stdin=PIPE, stdout=PIPE
        )
        worker = Worker(process, name or module)
        self._workers.append(worker)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.create_task(self._hear(worker, ready), name=f"hear {worker.name}")
        await ready
        return worker

    async def next(self, *kinds: str, seconds: float = 600) -> Event:
        """The next event of one of the kinds; others are dropped.

        Raises:
            WorkerError: nothing came for `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                while (event := await self._events.get()).kind not in kinds:
                    pass
                return event
        except TimeoutError:
            raise WorkerError(f"No {' or '.join(kinds)} was heard for {seconds:g} s.") from None

    async def finished(self, count: int, *, seconds: float = 600) -> float:
        """Waits until so many runs are recorded, counted over all workers; returns when the last one was."""
        last = 0.0
        while count > 0:
            event = await self.next("finished", seconds=seconds)
            count -= event.facts["count"]
            last = max(last, event.at)
        return last

    async def stop(self) -> None:
        """Ends all workers in order."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    def kill(self) -> None:
        for worker in self._workers:
            if not worker.expected_to_end:
                worker.kill()

    async def _hear(self, worker: Worker, ready: "asyncio.Future[None]") -> None:
        async for event in worker.lines():
            if event.kind == "ready" and not ready.done():
                ready.set_result(None)
            self._events.put_nowait(event)
        status = await worker.ended()
        if not worker.expected_to_end:
            raise WorkerError(f"{worker.name} ended with status {status}.")


@asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """Workers end with the block: in order after success, at once after an error."""
    async with asyncio.TaskGroup() as group:
        workers = Crew(group)
        try:
            yield workers
            await workers.stop()
        finally:
            workers.kill()


def report(event: str, *, at: float | None = None, **facts: Any) -> None:
    """Called in a worker: says what happened, now or at `at`."""
    line = {"event": event, "at": time.time() if at is None else at, **facts}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def told() -> AsyncIterator[str]:
    """Called in a worker: the words it is told; ends with `stop`, and when its parent is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async for line in reader:
        word = line.decode().strip()
        if word == "stop":
            return
        yield word
