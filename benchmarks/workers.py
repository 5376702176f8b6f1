"""What workers on other machines bring and cost: runs carried as PgQueuer messages, beside one process.

Throughput: N jobs that are all due at one moment, done by one scheduler and 1, 2 or 4 workers, each a process
of its own, and beside them by nodes that carry nothing; no-ops, and naps of 50 ms, where a worker's places
are what limits it. Takeover: as in `restart`, the time from SIGKILL until another node's handler is entered
for the last run that the killed one held. Memory: of each process after it, each shared page counted once.

All on one machine: the processes share its cores with the server, so no-ops show the cost, naps the gain.
"""

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks import options
from benchmarks.crew import Crew, Worker, crew
from benchmarks.jobs import add_jobs, count_runs
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Spread, Table
from benchmarks.restart import kill_once
from benchmarks.server import Server, connected, started_server

PACKAGES = ("asyncpg", "sqlalchemy", "pgqueuer")
QUEUES = ("in-process", "pgqueuer")

# Rows a second that the slowest machine writes before they are due.
INSERTED_A_SECOND = 10_000

# psutil carries no types.
_processes: Any = psutil


class WrongCountError(Exception):
    """Not every job was recorded once; the time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Something that is timed. `capacity` is a worker's places."""

    queue: str
    workers: int
    job_type: str
    jobs: int
    capacity: int

    @property
    def name(self) -> str:
        who = "worker" if self.queue == "pgqueuer" else "node"
        return f"{self.queue}, {self.workers} {who}{'s' if self.workers > 1 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """One round.

    Attributes:
        rate: runs a second.
        memory: MiB by role.
        connections: of each process, on average.
        run_bytes: what a run takes in the database, with its indexes.
    """

    rate: float
    memory: dict[str, float]
    connections: float
    run_bytes: float


async def start(setup: Setup, nodes: Crew, url: str, server: Server) -> dict[str, list[Worker]]:
    """The processes by role; nodes that carry nothing are workers that schedule too."""

    async def started(name: str, role: str) -> Worker:
        return await start_node(
            nodes, url, server.directory, capacity=setup.capacity, name=name, queue=setup.queue, role=role
        )

    if setup.queue == "in-process":
        return {"node": [await started(f"node{number}", "both") for number in range(setup.workers)]}
    return {
        "scheduler": [await started("scheduler", "scheduler")],
        "worker": [await started(f"worker{number}", "worker") for number in range(setup.workers)],
    }


async def race(setup: Setup, server: Server) -> Race:
    """One round in a new database.

    Raises:
        WrongCountError: not exactly the given number of jobs was recorded as successful.
    """
    async with server.database("workers") as url, crew() as nodes, connected(url) as connection:
        roles = await start(setup, nodes, url, server)
        lead = 1 + setup.jobs / INSERTED_A_SECOND
        due = await add_jobs(connection, setup.jobs, first_in=lead, job_type=setup.job_type)
        last = await nodes.finished(setup.jobs)
        counted = await count_runs(connection, "success", job_type=setup.job_type)
        if counted != setup.jobs:
            raise WrongCountError(f"{setup.name} recorded {counted} of {setup.jobs} jobs.")
        memory = {
            role: max(_processes.Process(one.pid).memory_full_info().pss / 2**20 for one in workers)
            for role, workers in roles.items()
        }
        connections = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'bawt scheduler%'"
        )
        size = await connection.fetchval("SELECT pg_total_relation_size('job_runs')")
        return Race(
            rate=setup.jobs / (last - due),
            memory=memory,
            connections=connections / sum(len(workers) for workers in roles.values()),
            run_bytes=size / setup.jobs,
        )


def setups(arguments: argparse.Namespace) -> Iterator[Setup]:
    """Everything that is timed."""
    kinds = (
        ("noop", arguments.jobs, arguments.capacity),
        ("nap", arguments.naps, arguments.nap_capacity),
    )
    for job_type, jobs, capacity in kinds:
        for queue in QUEUES:
            for workers in arguments.workers:
                yield Setup(queue=queue, workers=workers, job_type=job_type, jobs=jobs, capacity=capacity)


async def measure_takeover(server: Server, queue: str, arguments: argparse.Namespace) -> Spread:
    """Seconds until the last run of a killed node was taken over, over all rounds."""
    rounds = [
        await kill_once(server, runs=arguments.held, lease=arguments.lease, queue=queue)
        for _ in range(arguments.kills)
    ]
    return Spread(tuple(max(taken) for _, taken in rounds))


async def measure(arguments: argparse.Namespace) -> Report:
    """All rounds, then the kills."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        timed = list(setups(arguments))
        races: list[list[Race]] = [[] for _ in timed]
        for number in range(arguments.rounds):
            # Mirrored every second round: nobody always runs after the same.
            order = range(len(timed)) if number % 2 == 0 else reversed(range(len(timed)))
            for place in order:
                races[place].append(await race(timed[place], server))
        takeovers = (
            {queue: await measure_takeover(server, queue, arguments) for queue in QUEUES}
            if arguments.kills
            else {}
        )
    return _report(arguments, facts, installed, dict(zip(timed, races, strict=True)), takeovers)


def _report(
    arguments: argparse.Namespace,
    facts: dict[str, str | int | float],
    installed: dict[str, str],
    races: dict[Setup, list[Race]],
    takeovers: dict[str, Spread],
) -> Report:
    rates = {setup: Spread(tuple(one.rate for one in found)) for setup, found in races.items()}
    memory: dict[str, float] = {}
    for found in races.values():
        for one in found:
            for role, size in one.memory.items():
                memory[role] = max(size, memory.get(role, 0.0))
    tables = [
        Table(
            "Runs a second, from due to recorded",
            ("", "type", "jobs", "places each", "median", "least", "most", "connections each", "bytes a run"),
            [
                (
                    setup.name,
                    setup.job_type,
                    f"{setup.jobs:,}",
                    str(setup.capacity),
                    f"{rate.median:,.0f}",
                    f"{min(rate.values):,.0f}",
                    f"{max(rate.values):,.0f}",
                    f"{max(one.connections for one in races[setup]):.1f}",
                    f"{races[setup][0].run_bytes:,.0f}",
                )
                for setup, rate in rates.items()
            ],
        ),
        Table(
            "Memory of a process after it, at most", ("", "MiB"), [(n, f"{s:.0f}") for n, s in memory.items()]
        ),
    ]
    if takeovers:
        tables.append(
            Table(
                f"Seconds from SIGKILL until the last run was taken over, lease {arguments.lease:g} s",
                ("", "kills", "median", "most"),
                [
                    (queue, str(len(spread.values)), f"{spread.median:.2f}", f"{max(spread.values):.2f}")
                    for queue, spread in takeovers.items()
                ],
            )
        )
    return Report(
        benchmark="workers",
        machine=facts,
        versions=installed,
        options={"rounds": arguments.rounds, "lease": arguments.lease, "kills": arguments.kills},
        results=[
            *(
                {
                    "what": "throughput",
                    "queue": setup.queue,
                    "workers": setup.workers,
                    "job_type": setup.job_type,
                    "jobs": setup.jobs,
                    "capacity": setup.capacity,
                    "runs_per_second": rate.facts(digits=1),
                    "connections_each": round(max(one.connections for one in races[setup]), 2),
                    "run_bytes": round(races[setup][0].run_bytes),
                }
                for setup, rate in rates.items()
            ),
            *(
                {"what": "takeover", "queue": queue, "last_seconds": spread.facts()}
                for queue, spread in takeovers.items()
            ),
            {"what": "memory", "mib": {role: round(size, 1) for role, size in memory.items()}},
        ],
        tables=tables,
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--workers", type=options.numbers, default=(1, 2, 4), help="how many, each in turn")
    parser.add_argument("--jobs", type=options.positive, default=10_000, help="no-ops due at once")
    parser.add_argument("--capacity", type=options.positive, default=500, help="places for no-ops")
    parser.add_argument("--naps", type=options.positive, default=2_000, help="runs of 50 ms due at once")
    parser.add_argument("--nap-capacity", type=options.positive, default=20, help="places for naps")
    parser.add_argument("--rounds", type=options.positive, default=3)
    parser.add_argument("--kills", type=int, default=5, help="rounds of killing; 0 leaves them out")
    parser.add_argument("--held", type=options.positive, default=20, help="runs that the killed node holds")
    parser.add_argument("--lease", type=float, default=5.0, help="seconds; the product's default is 30")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
