"""Nodes as the tests see them: processes that are started, frozen, killed, and asked what they did."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.chaos.node import NodeOptions

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Execution:
    """One call of a handler. Times are of `time.monotonic`; `end` is None if it did not come to its end."""

    run_id: UUID
    job_id: str
    job_type: str
    bot_id: str
    begin: float
    end: float | None


class Node:
    """One node process."""

    def __init__(self, process: Process, node_id: UUID, name: str) -> None:
        self.process = process
        self.node_id = node_id
        self.name = name

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        """As the kernel does when memory is short: no last words."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """In order; returns the exit code."""
        self.process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


class Nodes:
    """Nodes on one database. Those still alive at the end are killed.

    Args:
        folder: for their logs, diaries and data.
        settings: settings of the product, for all of them.
    """

    def __init__(self, url: str, folder: Path, *, seed: int, **settings: Any) -> None:
        self._url = url
        self._folder = folder
        self._seed = seed
        self._settings = settings
        self._count = 0
        self.alive: list[Node] = []

    async def start(self, *, url: str | None = None, **options: Any) -> Node:
        """Starts one and waits until it is up; `options` are those of `NodeOptions`."""
        self._count += 1
        name = f"node-{self._count}"
        given = NodeOptions(
            name=name,
            url=url or self._url,
            folder=str(self._folder),
            seed=self._seed + self._count,
            settings=self._settings | options.pop("settings", {}),
            **options,
        )
        with self._log_path(name).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.chaos.node", json.dumps(asdict(given))),
                stdout=PIPE,
                stderr=log,
                cwd=REPOSITORY,
                env=_environment(self._folder),
            )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
            assert line, f"{name} did not start:\n{self.log(name)}"
        except BaseException:
            process.kill()
            raise
        node = Node(process, UUID(line.decode().strip()), name)
        self.alive.append(node)
        return node

    async def start_many(self, count: int) -> list[Node]:
        return list(await asyncio.gather(*(self.start() for _ in range(count))))

    async def kill(self, node: Node) -> None:
        self.alive.remove(node)
        await node.kill()

    async def stop(self, node: Node) -> int:
        self.alive.remove(node)
        return await node.stop()

    async def stop_all(self) -> None:
        """In order, all at once; each must end well."""
        stopping, self.alive = self.alive, []
        codes = await asyncio.gather(*(node.stop() for node in stopping))
        assert not any(codes), "\n".join(self.log(node.name) for node in stopping)

    async def kill_all(self) -> None:
        killing, self.alive = self.alive, []
        for node in killing:
            if node.process.returncode is None:
                await node.kill()

    def assert_alive(self) -> None:
        """A node that ended by itself died of a bug."""
        for node in self.alive:
            code = node.process.returncode
            assert code is None, f"{node.name} ended with {code}:\n{self.log(node.name)}"

    def log(self, name: str) -> str:
        return self._log_path(name).read_text(errors="replace")

    @property
    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self._folder.glob("*.log"))

    def executions(self) -> list[Execution]:
        """What all nodes of this folder did, from their diaries."""
        found = []
        for diary in self._folder.glob("*.executions"):
            # A node may be in the middle of its last line.
            whole = diary.read_text().rpartition("\n")[0]
            entries = [json.loads(line) for line in whole.splitlines()]
            ends = {entry["run"]: entry["at"] for entry in entries if entry["what"] == "end"}
            found += [
                Execution(
                    run_id=UUID(entry["run"]),
                    job_id=entry["job"],
                    job_type=entry["type"],
                    bot_id=entry["bot"],
                    begin=entry["at"],
                    end=ends.get(entry["run"]),
                )
                for entry in entries
                if entry["what"] == "begin"
            ]
        return found

    def _log_path(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@asynccontextmanager
async def open_nodes(url: str, folder: Path, *, seed: int, **settings: Any) -> AsyncIterator[Nodes]:
    """No node outlives this."""
    nodes = Nodes(url, folder, seed=seed, **settings)
    try:
        yield nodes
    finally:
        await nodes.kill_all()


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_BAWT_", "PG"))}
    return kept | {"HOME": str(home)}
