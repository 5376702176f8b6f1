"""From a force to a running run: by UPDATE from another connection as in psql, by the operations API, and by
the console's key in a terminal of its own.

Two ends are measured. `started` is the `started_at` that the database holds; `handler` is the moment the
handler is entered, which comes after the commit that made the run `running`, so it bounds that from above.
Both begin when the client sends its first byte. Once on an idle node, once while other runs go through.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from benchmarks import options
from benchmarks.crew import Crew, crew
from benchmarks.jobs import add_jobs, count_runs
from benchmarks.keyboard import console
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Spread, Table, say
from benchmarks.server import Server, connected, node_settings, started_server
from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.installation import operations

PACKAGES = ("asyncpg", "sqlalchemy")
FAR = 86_400.0
# Between two forces; random, so that they fall on every phase of the scheduler's own rhythm.
PAUSE = (0.01, 0.06)
# At a person's pace: the console refuses a second run until it has seen what became of the first.
KEY_PAUSE = (1.0, 1.5)
POLL_SECONDS = 0.005
WARM_UP = 10
FILTER_SECONDS = 2.0
# Stands in the empty filter line.
FILTER_EXAMPLE = "state:failed"

Force = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Seconds from a force."""

    started: Spread
    handler: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way to force, under one load (runs a second, as counted)."""

    way: str
    load: float
    sample: Sample


async def forced(
    nodes: Crew, connection: Connection, force: Force, *, samples: int, pause: tuple[float, float]
) -> Sample:
    """Forces again and again, each time after the run before is recorded."""
    asked: list[float] = []
    entered: list[tuple[UUID, float]] = []
    for _ in range(WARM_UP + samples):
        asked.append(time.time())
        await force()
        event = await nodes.next("entered", seconds=60)
        entered.append((UUID(event.facts["run"]), event.at))
        await _until_recorded(connection, entered[-1][0])
        await asyncio.sleep(random.uniform(*pause))  # no secret
    rows = await connection.fetch(
        "SELECT id, started_at FROM job_runs WHERE id = ANY ($1)", [run for run, _ in entered]
    )
    started = {row["id"]: row["started_at"].timestamp() for row in rows}
    taken = list(zip(asked, entered, strict=True))[WARM_UP:]
    return Sample(
        started=Spread(tuple(started[run] - at for at, (run, _) in taken)),
        handler=Spread(tuple(moment - at for at, (_, moment) in taken)),
    )


async def measure_load(server: Server, arguments: argparse.Namespace, *, rate: int) -> list[Measured]:
    """All ways of forcing while `rate` runs a second go through; 0 is an idle node."""
    async with server.database("latency") as url, crew() as nodes, connected(url) as psql:
        capacity = arguments.capacity
        await start_node(nodes, url, server.directory, capacity=capacity)
        job: UUID = await psql.fetchval(
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
            " VALUES ('probe', 'bench', 1440, now() + make_interval(secs => $1)) RETURNING id",
            FAR,
        )
        say(f"A node is up; {rate:,} other runs/s." if rate else "A node is up and idle.")
        if rate:
            # Each job comes again every minute, so sixty times the rate of them make the rate.
            await add_jobs(psql, rate * 60, first_in=2 + rate * 60 / 20_000, over=60, interval_minutes=1)
            await nodes.next("finished", seconds=120)
        database = Database.open(Address.parse(url), pool_size=2, application="benchmarks")
        try:
            settings = node_settings(url, server.directory, capacity=capacity, lease=30, name="bench")
            api = operations(database, settings, actor="benchmarks")

            async def by_update() -> object:
                return await psql.execute(
                    f"UPDATE scheduled_jobs SET next_run_at = NOW() - INTERVAL '1 minute' WHERE id = '{job}'"
                )

            async def by_api() -> object:
                return await api.force_run(job)

            ways: dict[str, Force] = {"UPDATE in psql": by_update, "API": by_api}
            measured = [
                await _measured(way, force, nodes, psql, samples=arguments.samples)
                for way, force in ways.items()
            ]
            async with console(url, server.directory) as keyboard:
                await keyboard.seen("probe" if not rate else "noop")
                # The one job that is not part of the load. Keys of the same burst as the first would come
                # before the filter's line is there, and the `b` would open the brief.
                keyboard.press("/")
                await keyboard.seen(FILTER_EXAMPLE)
                keyboard.press("bot:bench")
                await keyboard.seen("1 of ")
                keyboard.press("\r")
                # Until then keys would go to the filter, and no words tell the two apart.
                await asyncio.sleep(FILTER_SECONDS)

                async def by_key() -> object:
                    keyboard.press("R")
                    return None

                measured.append(
                    await _measured("key", by_key, nodes, psql, samples=arguments.samples, pause=KEY_PAUSE)
                )
            return measured
        finally:
            await database.aclose()


async def _measured(
    way: str,
    force: Force,
    nodes: Crew,
    psql: Connection,
    *,
    samples: int,
    pause: tuple[float, float] = PAUSE,
) -> Measured:
    before, began = await count_runs(psql, "success"), time.time()
    sample = await forced(nodes, psql, force, samples=samples, pause=pause)
    load = (await count_runs(psql, "success") - before) / (time.time() - began)
    say(
        f"{way}, {load:,.0f} other runs/s: {samples} forces in {time.time() - began:.0f} s,"
        f" p99 {1000 * sample.started.quantile(0.99):.1f} ms"
    )
    return Measured(way=way, load=load, sample=sample)


async def _until_recorded(connection: Connection, run: UUID) -> None:
    # The row is in another process's hands; there is no event of this loop to wait for.
    while await connection.fetchval("SELECT status FROM job_runs WHERE id = $1", run) != "success":  # noqa: ASYNC110  # see above
        await asyncio.sleep(POLL_SECONDS)


async def measure(arguments: argparse.Namespace) -> Report:
    """Idle, then under load."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        measured = [
            one for rate in (0, arguments.rate) for one in await measure_load(server, arguments, rate=rate)
        ]
    table = Table(
        "Milliseconds from a force to running",
        ("", "other runs/s", "samples", "started p50", "started p99", "handler p50", "handler p99", "most"),
        [
            (
                one.way,
                f"{one.load:,.0f}",
                str(len(one.sample.started.values)),
                *(
                    f"{1000 * spread.quantile(share):.1f}"
                    for spread in (one.sample.started, one.sample.handler)
                    for share in (0.5, 0.99)
                ),
                f"{1000 * max(one.sample.handler.values):.1f}",
            )
            for one in measured
        ],
    )
    return Report(
        benchmark="latency",
        machine=facts,
        versions=installed,
        options={"samples": arguments.samples, "rate": arguments.rate, "capacity": arguments.capacity},
        results=[
            {
                "way": one.way,
                "other_runs_per_second": round(one.load, 1),
                "started_seconds": one.sample.started.facts(6),
                "handler_seconds": one.sample.handler.facts(6),
            }
            for one in measured
        ],
        tables=[table],
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--samples", type=options.positive, default=300, help="forces for each line")
    parser.add_argument("--rate", type=options.positive, default=1000, help="other runs a second")
    parser.add_argument("--capacity", type=options.positive, default=1000, help="runs a node holds at once")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
