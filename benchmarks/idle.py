"""What a node costs that has nothing to do: statements, NOTIFYs, processor time and memory.

Statements are counted in the server's own log, which is switched on for this one database only, so nothing
is missed and the benchmark's connections are not in it. The node runs with the product's settings.
"""

import argparse
import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import options
from benchmarks.crew import crew
from benchmarks.jobs import ONCE_MINUTES, add_jobs
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Table
from benchmarks.server import Server, connected, started_server
from scheduler_core.db.notify import CHANGE_CHANNEL, WAKE_CHANNEL

PACKAGES = ("asyncpg", "sqlalchemy")
DEFAULT_CAPACITY = 8

# psutil carries no types.
_processes: Any = psutil

_LOGGED = re.compile(r" LOG:  (?:statement|execute [^:]*): (.*)")
_COMMENT = re.compile(r"--.*")


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds used so far and memory now (MiB, each shared page counted once)."""

    processor: float
    memory: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What was counted while nothing was due.

    Attributes:
        seconds: how long it was watched.
        statements: the start of each statement, and how often it ran.
        transactions: as the database counts them; a check on the log.
        notified: notifications by channel and payload.
        used: share of one core, by who used it.
        memory: MiB, by who holds it.
    """

    seconds: float
    statements: Counter[str]
    transactions: int
    notified: Counter[str]
    used: dict[str, float]
    memory: dict[str, float]

    def a_minute(self, count: float) -> float:
        return count * 60 / self.seconds


def usage(processes: Sequence[Any]) -> Usage:
    """Of all the processes together; one that ended meanwhile is left out."""
    processor = memory = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
            processor += times.user + times.system
            memory += process.memory_full_info().pss / 2**20
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return Usage(processor, memory)


def logged_statements(text: str) -> Counter[str]:
    """How often each statement occurs in a piece of the server's log, by its first telling line."""
    found: Counter[str] = Counter()
    lines = iter(text.splitlines())
    for line in lines:
        match = _LOGGED.search(line)
        if match is None:
            continue
        first = _COMMENT.sub("", match.group(1)).strip()
        while not first and (following := next(lines, "")).startswith("\t"):
            first = _COMMENT.sub("", following).strip()
        found[" ".join(first.split())[:60]] += 1
    return found


async def watch(server: Server, arguments: argparse.Namespace) -> Idle:
    """Starts one node and watches it."""
    log = server.embedded.data_dir / "logs" / "postgres.log"
    loop_time = asyncio.get_running_loop().time
    async with server.database("idle") as url, crew() as nodes, connected(server.admin_url) as admin:
        async with connected(url) as connection:
            await add_jobs(connection, arguments.jobs, first_in=ONCE_MINUTES * 60.0)
            await connection.execute("VACUUM ANALYZE scheduled_jobs")
        await admin.execute("ALTER DATABASE idle SET log_statement = 'all'")
        # Only listening, it runs no statement once it is set up.
        async with connected(url) as listener:
            notified: Counter[str] = Counter()
            for channel in (WAKE_CHANNEL, CHANGE_CHANNEL):
                await listener.add_listener(channel, lambda *heard: notified.update([" ".join(heard[2:])]))
            node = await start_node(nodes, url, server.directory, capacity=DEFAULT_CAPACITY)
            await asyncio.sleep(arguments.settle)
            notified.clear()
            postmaster = _postmaster(server)
            parts = {
                "node": [_processes.Process(node.pid)],
                "server": [postmaster, *postmaster.children(recursive=True)],
            }
            offset = log.stat().st_size
            before = {name: usage(found) for name, found in parts.items()}
            counted, began = await _transactions(admin), loop_time()
            await asyncio.sleep(arguments.seconds)
            seconds = loop_time() - began
            after = {name: usage(found) for name, found in parts.items()}
            return Idle(
                seconds=seconds,
                statements=logged_statements(_tail(log, offset)),
                transactions=await _transactions(admin) - counted,
                notified=notified.copy(),
                used={name: (after[name].processor - before[name].processor) / seconds for name in parts},
                memory={name: after[name].memory for name in parts},
            )


async def _transactions(admin: Any) -> int:
    count: int = await admin.fetchval(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'idle'"
    )
    return count


def _tail(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")


def _postmaster(server: Server) -> Any:
    [file] = server.directory.rglob("postmaster.pid")
    return _processes.Process(int(file.read_text().split()[0]))


async def measure(arguments: argparse.Namespace) -> Report:
    """One node, watched once."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        idle = await watch(server, arguments)
    total = idle.statements.total()
    rows = [(text, f"{idle.a_minute(count):.1f}") for text, count in idle.statements.most_common()]
    notifies = [(f"NOTIFY {text}", f"{idle.a_minute(count):.1f}") for text, count in idle.notified.items()]
    tables = [
        Table(
            "Statements a minute",
            ("", "a minute"),
            [*rows, ("all", f"{idle.a_minute(total):.1f}"), *notifies],
        ),
        Table(
            f"One node with {arguments.jobs:,} jobs, none due, for {idle.seconds:.0f} s",
            ("", "node", "server"),
            [
                ("% of a core", *(f"{100 * idle.used[name]:.2f}" for name in ("node", "server"))),
                ("memory in MiB", *(f"{idle.memory[name]:.0f}" for name in ("node", "server"))),
                ("NOTIFYs a minute", f"{idle.a_minute(idle.notified.total()):.1f}", ""),
                ("transactions a minute", f"{idle.a_minute(idle.transactions):.1f}", ""),
            ],
        ),
    ]
    return Report(
        benchmark="idle",
        machine=facts,
        versions=installed,
        options={"jobs": arguments.jobs, "seconds": arguments.seconds},
        results=[
            {
                "statements_a_minute": round(idle.a_minute(total), 2),
                "statements": dict(idle.statements),
                "transactions_a_minute": round(idle.a_minute(idle.transactions), 2),
                "notifies_a_minute": round(idle.a_minute(idle.notified.total()), 2),
                "notifies": dict(idle.notified),
                "core_share": {name: round(share, 5) for name, share in idle.used.items()},
                "memory_mib": {name: round(size, 1) for name, size in idle.memory.items()},
            }
        ],
        tables=tables,
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--jobs", type=options.positive, default=10_000)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the node is watched")
    parser.add_argument(
        "--settle", type=float, default=15.0, help="seconds after its start that do not count"
    )
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
