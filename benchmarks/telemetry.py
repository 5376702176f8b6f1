"""What it costs to be watched: no-op runs a second of one node, unwatched and with metrics, in turns.

The metrics are scraped once a second meanwhile, fifteen times as often as is usual, and memory is that of
the node after the last round. Both sides use one server and a new database each.
"""

import argparse
import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil

from benchmarks import options
from benchmarks.crew import Worker, crew
from benchmarks.jobs import add_jobs, count_runs
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Spread, Table
from benchmarks.server import Server, connected, started_server

# psutil carries no types.
_processes: Any = psutil

CAPACITY = 1000
INSERTED_A_SECOND = 10_000
UNWATCHED, WATCHED = "unwatched", "with metrics"


class WrongCountError(Exception):
    """Not every job was recorded; the time means nothing."""


async def rate_of(server: Server, jobs: int, *, port: int) -> tuple[float, int]:
    """Runs a second, and the node's resident memory in bytes.

    Args:
        port: for the metrics; 0 for none.
    """
    async with server.database("telemetry") as url, crew() as nodes, connected(url) as connection:
        node = await start_node(nodes, url, server.directory, capacity=CAPACITY, metrics_port=port)
        async with _scraped(port):
            due = await add_jobs(connection, jobs, first_in=1 + jobs / INSERTED_A_SECOND)
            last = await nodes.finished(jobs)
        recorded = await count_runs(connection, "success")
        if recorded != jobs:
            raise WrongCountError(f"{recorded} of {jobs} jobs were recorded.")
        return jobs / (last - due), _memory(node)


@asynccontextmanager
async def _scraped(port: int) -> AsyncIterator[None]:
    async def scrape() -> None:
        async with httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    await client.get(f"http://127.0.0.1:{port}/metrics")
                await asyncio.sleep(1)

    if not port:
        yield
        return
    scraping = asyncio.create_task(scrape(), name="scrapes")
    try:
        yield
    finally:
        scraping.cancel()
        await asyncio.gather(scraping, return_exceptions=True)


def _memory(node: Worker) -> int:
    return int(_processes.Process(node.pid).memory_info().rss)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def measure(arguments: argparse.Namespace) -> Report:
    """Both sides in turns, in changing order."""
    rates: dict[str, list[float]] = {UNWATCHED: [], WATCHED: []}
    memory = dict.fromkeys(rates, 0)
    async with started_server(arguments.directory) as server:
        installed = await versions(server.admin_url, ("prometheus-client",))
        facts = machine(server.directory)
        for number in range(arguments.rounds + 1):
            for name in sorted(rates, reverse=bool(number % 2)):
                port = _free_port() if name == WATCHED else 0
                rate, memory[name] = await rate_of(server, arguments.jobs, port=port)
                # The first round warms up.
                rates[name] += [rate] if number else []
    spreads = {name: Spread(tuple(found)) for name, found in rates.items()}
    table = Table(
        "No-op runs a second of one node",
        ("", "median", "least", "most", "memory MB"),
        [
            (
                name,
                f"{spread.median:,.0f}",
                f"{min(spread.values):,.0f}",
                f"{max(spread.values):,.0f}",
                f"{memory[name] / 1e6:,.0f}",
            )
            for name, spread in spreads.items()
        ],
    )
    return Report(
        benchmark="telemetry",
        machine=facts,
        versions=installed,
        options={"jobs": arguments.jobs, "rounds": arguments.rounds},
        results=[
            {"name": name, "runs_per_second": spread.facts(digits=1), "memory_bytes": memory[name]}
            for name, spread in spreads.items()
        ],
        ratios={f"{WATCHED} / {UNWATCHED}": spreads[WATCHED].median / spreads[UNWATCHED].median},
        tables=[table],
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--jobs", type=options.positive, default=20_000)
    parser.add_argument("--rounds", type=options.positive, default=5)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
