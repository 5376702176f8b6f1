"""How late slots start, by number of jobs, rows of history and nodes.

The slots of all jobs are spread evenly over a minute or so, and each run's `started_at` is held against its
slot. History is written before, with triggers and foreign keys off: finished runs of the first jobs over
the last weeks. One database a size of history; its jobs grow from one measurement to the next. A slot cannot
start before the commit of the claim before is on the disk, so what the disk itself takes is measured beside.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks import options
from benchmarks.crew import Crew, crew
from benchmarks.disk import watched_disk
from benchmarks.jobs import ONCE_MINUTES, add_jobs, count_runs
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Spread, Table
from benchmarks.server import Server, connected, started_server
from scheduler_core.db.connect import Connection

PACKAGES = ("asyncpg", "sqlalchemy")
HISTORY_DAYS = 80
HISTORY_BATCH = 500_000
UPDATED_A_SECOND = 10_000
# Only while history is written: no triggers and foreign keys, no waiting for the disk, room to sort.
WRITING = (
    "session_replication_role = replica",
    "synchronous_commit = off",
    "work_mem = '256MB'",
    "maintenance_work_mem = '1GB'",
)
UNLIMITED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement. `history` is the rows before it; lateness and what the disk took are in seconds."""

    jobs: int
    history: int
    nodes: int
    lateness: Spread
    disk: Spread


async def add_history(connection: Connection, rows: int) -> None:
    """Writes finished runs, evenly over the jobs there are and over the last weeks, oldest first.

    Secondary indexes are made again afterwards, which at millions of rows is many times as fast.
    """
    if not rows:
        return
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename = 'job_runs' AND indexname <> 'job_runs_pkey'"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    jobs = await connection.fetchval("SELECT count(*) FROM scheduled_jobs WHERE job_type = 'noop'")
    for setting in WRITING:
        await connection.execute(f"SET {setting}")
    for first in range(0, rows, HISTORY_BATCH):
        # The number of jobs is a value, and not counted here, so that the join can be a hashed one.
        await connection.execute(
            "WITH job AS ("
            "  SELECT id, row_number() OVER (ORDER BY id) - 1 AS place"
            "  FROM scheduled_jobs WHERE job_type = 'noop'),"
            " past AS ("
            "  SELECT i, i % $5::bigint AS place,"
            "   now() - make_interval(secs => ($3 - i) * $4::float / $3) AS at"
            "  FROM generate_series($1::bigint, $2::bigint) AS i)"
            " INSERT INTO job_runs (id, job_id, bot_id, job_type, trigger, scheduled_for, status, node_id,"
            "  created_at, available_at, started_at, finished_at, duration_ms, result_json)"
            " SELECT uuidv7(), job.id, '*', 'noop', 'schedule', past.at, 'success', gen_random_uuid(),"
            "  past.at, past.at, past.at, past.at, 1, '{}'"
            " FROM past JOIN job USING (place) ORDER BY past.i",
            first,
            min(first + HISTORY_BATCH, rows) - 1,
            rows,
            HISTORY_DAYS * 86_400.0,
            jobs,
            timeout=UNLIMITED_SECONDS,
        )
    for index in indexes:
        await connection.execute(index["indexdef"], timeout=UNLIMITED_SECONDS)
    for setting in WRITING:
        await connection.execute(f"RESET {setting.partition(' ')[0]}")
    await connection.execute("VACUUM ANALYZE job_runs", timeout=UNLIMITED_SECONDS)


async def one_cell(
    connection: Connection,
    nodes: Crew,
    *,
    directory: Path,
    jobs: int,
    history: int,
    count: int,
    seconds: float,
) -> Cell:
    """Spreads the slots of all jobs over `seconds` and waits until each is recorded."""
    first_due = await _spread_slots(connection, over=seconds, first_in=2 + jobs / UPDATED_A_SECOND)
    with watched_disk(directory) as disk:
        await nodes.finished(jobs, seconds=seconds + 600)
    late = await connection.fetch(
        "SELECT extract(epoch FROM started_at - scheduled_for)::float AS late FROM job_runs"
        " WHERE job_type = 'noop' AND trigger = 'schedule' AND status = 'success'"
        " AND started_at >= $1 AND scheduled_for >= $1",
        first_due,
        timeout=UNLIMITED_SECONDS,
    )
    return Cell(
        jobs=jobs,
        history=history,
        nodes=count,
        lateness=Spread(tuple(row["late"] for row in late)),
        disk=Spread(tuple(disk)),
    )


async def _spread_slots(connection: Connection, *, over: float, first_in: float) -> datetime:
    """Gives every job a slot, the first in `first_in` seconds, and returns when that is."""
    first_due: datetime = await connection.fetchval(
        "SELECT date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => $1)", first_in
    )
    await connection.execute(
        "UPDATE scheduled_jobs j"
        " SET next_run_at = $1::timestamptz + make_interval(secs => $2::float * place.nth / place.jobs)"
        " FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS nth, count(*) OVER () AS jobs"
        "       FROM scheduled_jobs WHERE job_type = 'noop') AS place"
        " WHERE j.id = place.id",
        first_due,
        over,
        timeout=600,
    )
    await connection.execute("ANALYZE scheduled_jobs", timeout=600)
    if await connection.fetchval("SELECT clock_timestamp() > $1", first_due):
        raise TimeoutError("The first slot was due before all were written.")
    return first_due


async def cells(server: Server, arguments: argparse.Namespace, history: int) -> list[Cell]:
    """Every number of jobs and nodes on one history."""
    measured = []
    async with server.database("lateness") as url, connected(url) as connection:
        there = 0
        for jobs in sorted(arguments.jobs):
            await add_jobs(connection, jobs - there, first_in=ONCE_MINUTES * 60.0)
            if not there:
                await add_history(connection, history)
                await server.checkpoint()
            there = jobs
            for count in arguments.nodes:
                rows = await count_runs(connection, "success")
                async with crew() as nodes:
                    for number in range(count):
                        await start_node(
                            nodes, url, server.directory, capacity=arguments.capacity, name=f"node{number}"
                        )
                    cell = await one_cell(
                        connection,
                        nodes,
                        directory=server.directory,
                        jobs=jobs,
                        history=rows,
                        count=count,
                        seconds=arguments.seconds,
                    )
                measured.append(cell)
    return measured


async def measure(arguments: argparse.Namespace) -> Report:
    """The whole grid."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        measured = [cell for history in arguments.history for cell in await cells(server, arguments, history)]
    return _report(arguments, facts, installed, measured)


def _report(
    arguments: argparse.Namespace,
    facts: dict[str, str | int | float],
    installed: dict[str, str],
    measured: Sequence[Cell],
) -> Report:
    table = Table(
        f"Milliseconds from a slot to its start, slots spread over {arguments.seconds:g} s",
        ("jobs", "history", "nodes", "slots", "p50", "p99", "most", "disk p99", "disk most"),
        [
            (
                f"{cell.jobs:,}",
                f"{cell.history:,}",
                str(cell.nodes),
                f"{len(cell.lateness.values):,}",
                f"{1000 * cell.lateness.median:.1f}",
                f"{1000 * cell.lateness.quantile(0.99):.1f}",
                f"{1000 * max(cell.lateness.values):.1f}",
                f"{1000 * cell.disk.quantile(0.99):.1f}",
                f"{1000 * max(cell.disk.values):.1f}",
            )
            for cell in measured
        ],
    )
    return Report(
        benchmark="lateness",
        machine=facts,
        versions=installed,
        options={"seconds": arguments.seconds, "capacity": arguments.capacity},
        results=[
            {
                "jobs": cell.jobs,
                "history": cell.history,
                "nodes": cell.nodes,
                "late_seconds": cell.lateness.facts(6),
                "disk_seconds": cell.disk.facts(6),
            }
            for cell in measured
        ],
        tables=[table],
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--jobs", type=options.numbers, default=(100, 1_000, 10_000, 100_000))
    parser.add_argument("--history", type=options.numbers, default=(0, 1_000_000, 10_000_000))
    parser.add_argument("--nodes", type=options.numbers, default=(1, 4))
    parser.add_argument("--seconds", type=float, default=60.0, help="over which the slots are spread")
    parser.add_argument("--capacity", type=options.positive, default=1000, help="runs a node holds at once")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
