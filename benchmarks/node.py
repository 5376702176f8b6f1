"""One scheduler node as a process, through the product's public way in: settings, `open_runtime`, job types.

Job types: `noop` returns at once; `nap` takes 50 ms; `probe` also says when its handler was entered; `hang`
holds its place on the first attempt until the process is gone, and returns on the second.
"""

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from bawt_console.collector import keep_what_is_loaded
from benchmarks.crew import Crew, Worker, report, told
from benchmarks.server import node_settings
from scheduler_core.runtime import open_runtime
from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult

RESULT = TaskResult()
NAP_SECONDS = 0.05


async def noop(task: Task, context: TaskContext) -> TaskResult:
    return RESULT


async def nap(task: Task, context: TaskContext) -> TaskResult:
    await asyncio.sleep(NAP_SECONDS)
    return RESULT


async def probe(task: Task, context: TaskContext) -> TaskResult:
    report("entered", run=str(task.run_id), attempt=task.attempt)
    return RESULT


async def hang(task: Task, context: TaskContext) -> TaskResult:
    report("entered", run=str(task.run_id), attempt=task.attempt)
    if task.attempt == 1:
        await asyncio.Event().wait()
    return RESULT


KINDS = tuple(JobKind(name=handler.__name__, handler=handler) for handler in (noop, nap, probe, hang))


async def start_node(
    crew: Crew,
    url: str,
    directory: Path,
    *,
    capacity: int,
    lease: float = 30.0,
    name: str = "node",
    queue: str = "in-process",
    role: str = "both",
    metrics_port: int = 0,
) -> Worker:
    """Called by a benchmark: starts a node and waits until it has joined."""
    values = {"url": url, "directory": directory, "capacity": capacity, "lease": lease, "name": name}
    values |= {"queue": queue, "role": role, "metrics-port": metrics_port}
    arguments = [f"--{key}={value}" for key, value in values.items()]
    return await crew.start("benchmarks.node", *arguments, name=name)


def _finished(ids: Sequence[UUID]) -> None:
    report("finished", count=len(ids))


async def _run(arguments: argparse.Namespace) -> None:
    settings = node_settings(
        arguments.url,
        arguments.directory,
        capacity=arguments.capacity,
        lease=arguments.lease,
        name=arguments.name,
    ).model_copy(
        update={
            "task_queue": arguments.queue,
            "scheduler_role": arguments.role,
            "metrics_port": arguments.metrics_port,
        }
    )
    async with open_runtime(settings, kinds=KINDS, on_finished=_finished):
        keep_what_is_loaded()
        report("ready")
        async for _ in told():
            pass


def main() -> None:
    """Runs until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--capacity", type=int, required=True)
    parser.add_argument("--lease", type=float, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--queue", required=True)
    parser.add_argument("--role", required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
