"""What happens to runs when their node is killed, and when it is stopped.

Killed: a node holds runs that never end; it gets SIGKILL, and another one takes them over. The time is from
the signal until the other node's handler is entered for the last of them; beside it, until the lost runs
are recorded as failed. The lease is the node's promise, so it is shown beside.

Stopped: two nodes share a load; one is asked to stop. The time is until its process is gone. Afterwards
every slot is counted: none may be left running, failed, doubled or missing.
"""

import argparse
import asyncio
import random
import time
from dataclasses import dataclass

from benchmarks import options
from benchmarks.crew import Worker, crew
from benchmarks.jobs import add_jobs
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Spread, Table
from benchmarks.server import Server, connected, started_server
from scheduler_core.db.connect import Connection

PACKAGES = ("asyncpg", "sqlalchemy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """Seconds from SIGKILL, over all rounds: for every run until closed and taken, and for the last one."""

    closed: Spread
    taken: Spread
    last: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A graceful stop under load.

    Attributes:
        seconds: until the process was gone.
        load: runs a second that were recorded meanwhile, by both nodes.
        slots: claimed by then and afterwards; `success` must be the same number.
        late_p99: seconds by which slots started late from the moment it was asked.
    """

    seconds: float
    load: float
    slots: int
    success: int
    other: int
    late_p99: float


async def kill_once(
    server: Server, *, runs: int, lease: float, queue: str = "in-process"
) -> tuple[list[float], list[float]]:
    """One killed node; seconds until each of its runs was closed, and until each was taken over."""
    async with server.database("restart") as url, crew() as nodes, connected(url) as connection:

        async def start(name: str) -> Worker:
            return await start_node(
                nodes, url, server.directory, capacity=runs, lease=lease, name=name, queue=queue
            )

        doomed = await start("doomed")
        await add_jobs(connection, runs, first_in=1, job_type="hang")
        for _ in range(runs):
            await nodes.next("entered", seconds=60)
        await start("heir")
        # A node renews three times a lease: the signal may come at any point between two renewals.
        await asyncio.sleep(random.uniform(0, lease / 3))  # no secret
        doomed.kill()
        killed = time.time()
        taken = [(await nodes.next("entered", seconds=lease * 4 + 60)).at - killed for _ in range(runs)]
        closed = await connection.fetch(
            "SELECT extract(epoch FROM finished_at)::float AS at FROM job_runs"
            " WHERE job_type = 'hang' AND status = 'failed'"
        )
        await nodes.finished(runs)
        return [row["at"] - killed for row in closed], taken


async def measure_kills(server: Server, arguments: argparse.Namespace) -> Takeover:
    """All rounds."""
    rounds = [
        await kill_once(server, runs=arguments.runs, lease=arguments.lease) for _ in range(arguments.rounds)
    ]
    return Takeover(
        closed=Spread(tuple(seconds for closed, _ in rounds for seconds in closed)),
        taken=Spread(tuple(seconds for _, taken in rounds for seconds in taken)),
        last=Spread(tuple(max(taken) for _, taken in rounds)),
    )


async def measure_stop(server: Server, arguments: argparse.Namespace) -> Stop:
    """Stops one of two nodes half-way through a load."""
    jobs = round(arguments.rate * arguments.seconds)
    async with server.database("stopping") as url, crew() as nodes, connected(url) as connection:
        going, _ = [
            await start_node(nodes, url, server.directory, capacity=arguments.capacity, name=name)
            for name in ("going", "staying")
        ]
        due = await add_jobs(connection, jobs, first_in=1 + jobs / 10_000, over=arguments.seconds)
        await asyncio.sleep(due + arguments.seconds / 2 - time.time())
        asked = time.time()
        seconds = await going.stop()
        await nodes.finished(jobs)
        return await _count_slots(connection, seconds=seconds, asked=asked, jobs=jobs)


async def _count_slots(connection: Connection, *, seconds: float, asked: float, jobs: int) -> Stop:
    row = await connection.fetchrow(
        "SELECT (SELECT sum(claim_seq) FROM scheduled_jobs WHERE job_type = 'noop')::bigint AS slots,"
        " count(DISTINCT job_id) FILTER (WHERE status = 'success') AS success,"
        " count(*) FILTER (WHERE status <> 'success') AS other,"
        " count(*) FILTER (WHERE finished_at >= to_timestamp($1) AND finished_at <= to_timestamp($1 + $2))"
        "  AS meanwhile,"
        " percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - scheduled_for)::float)"
        "  FILTER (WHERE scheduled_for > to_timestamp($1)) AS late"
        " FROM job_runs WHERE job_type = 'noop'",
        asked,
        seconds,
    )
    assert row is not None
    return Stop(
        seconds=seconds,
        load=row["meanwhile"] / seconds,
        slots=row["slots"],
        success=row["success"],
        other=row["other"],
        late_p99=row["late"],
    )


async def measure(arguments: argparse.Namespace) -> Report:
    """Kills, then one stop."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        kills = await measure_kills(server, arguments)
        stop = await measure_stop(server, arguments)
    spreads = (("run closed", kills.closed), ("run taken over", kills.taken), ("the last one", kills.last))
    tables = [
        Table(
            f"Seconds from SIGKILL, lease {arguments.lease:g} s, {arguments.rounds} kills",
            ("", "count", "p50", "p99", "most"),
            [
                (
                    name,
                    str(len(spread.values)),
                    *(f"{spread.quantile(share):.2f}" for share in (0.5, 0.99, 1)),
                )
                for name, spread in spreads
            ],
        ),
        Table(
            "Graceful stop of one of two nodes under load",
            ("seconds", "runs/s meanwhile", "slots", "success", "other outcomes", "late p99 from then"),
            [
                (
                    f"{stop.seconds:.2f}",
                    f"{stop.load:,.0f}",
                    f"{stop.slots:,}",
                    f"{stop.success:,}",
                    str(stop.other),
                    f"{1000 * stop.late_p99:.1f} ms",
                )
            ],
        ),
    ]
    return Report(
        benchmark="restart",
        machine=facts,
        versions=installed,
        options={"lease": arguments.lease, "runs": arguments.runs, "rounds": arguments.rounds},
        results=[
            {
                "what": "killed",
                **{name.replace(" ", "_") + "_seconds": spread.facts() for name, spread in spreads},
            },
            {
                "what": "stopped",
                "seconds": round(stop.seconds, 3),
                "runs_per_second": round(stop.load, 1),
                "slots": stop.slots,
                "success": stop.success,
                "other": stop.other,
                "late_p99_seconds": round(stop.late_p99, 6),
            },
        ],
        tables=tables,
        ratios={"last run taken over / lease": kills.last.median / arguments.lease},
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--lease", type=float, default=5.0, help="seconds; the product's default is 30")
    parser.add_argument("--runs", type=options.positive, default=20, help="that the killed node holds")
    parser.add_argument("--rounds", type=options.positive, default=10)
    parser.add_argument("--rate", type=options.positive, default=1000, help="runs a second while stopping")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of that load")
    parser.add_argument("--capacity", type=options.positive, default=1000, help="runs a node holds at once")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
