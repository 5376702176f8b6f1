"""How long memory decay takes over a large store: the pass, the dry run, and the way back.

The memories are made by the database with a fixed seed: importance, tags, uses and times vary, and about a
tenth falls below the threshold, so that every pass archives as many as a run may. Each round is a pass, its
undo, and a pass that would archive nothing new is measured on a bot whose memories are all fresh.
"""

import asyncio
import time
from argparse import Namespace
from collections.abc import Awaitable
from typing import TypeVar
from uuid import uuid4

from benchmarks import options
from benchmarks.machine import machine, versions
from benchmarks.maintenance.section import Section
from benchmarks.report import Report, Spread, Table
from benchmarks.server import Server, node_settings, started_server
from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.installation import open_database

PACKAGES = ("asyncpg",)
BATCH = 100_000
GOAL_SECONDS = 5.0

Result = TypeVar("Result")

_FILL = """
    INSERT INTO memories (
        bot_id, content, importance, access_count, tags, source_message_ids, created_at, last_accessed
    )
    SELECT $1, 'Something that was said, number ' || i || ', and why it may matter some day.',
        least(0.25 + 0.7 * sqrt(random()), 0.89)::real, floor(random() * 12)::int,
        (ARRAY['["fact"]', '["event", "work"]', '["plan"]', '["preference"]', '["misc"]', '["health"]'])
            [1 + floor(random() * 6)::int]::jsonb,
        jsonb_build_array('message ' || i),
        now() - make_interval(days => 400 + floor(random() * 600)::int),
        now() - make_interval(secs => random() * $3 * 86400.0)
    FROM generate_series(1, $2::int) i
"""


class Stopwatch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.laps: dict[str, list[float]] = {}

    async def time(self, name: str, work: Awaitable[Result]) -> Result:
        started = time.perf_counter()
        result = await work
        self.laps.setdefault(name, []).append(time.perf_counter() - started)
        return result


async def fill(connection: Connection, bot_id: str, memories: int, *, days: float) -> None:
    """Memories last used within so many days, the same for the same number."""
    await connection.execute("SELECT setseed(0.5)")
    for start in range(0, memories, BATCH):
        await connection.execute(_FILL, bot_id, min(BATCH, memories - start), days)


async def rounds(database: Database, watch: Stopwatch, *, memories: int, times: int) -> tuple[int, int]:
    """What a pass saw below the threshold, and how many it archived."""
    archive = MemoryArchive(database)
    below = archived = 0
    async with database.connection() as connection:
        await watch.time("insert", fill(connection, "large", memories, days=395))
        await fill(connection, "fresh", memories // 10, days=20)
        await connection.execute("VACUUM ANALYZE memories")
    for _ in range(times):
        look = await watch.time("dry run", archive.look("large"))
        if look.tripped:
            raise SystemExit("The store trips the circuit breaker; its numbers are wrong.")
        run = uuid4()
        _, gone = await watch.time("pass", archive.decay("large", run_id=run))
        below, archived = look.below, len(gone)
        if gone:
            await watch.time("undo", archive.restore_run(run))
            async with database.connection() as connection:
                # What a person brought back is left alone, and each round is to see the same.
                await connection.execute("DELETE FROM memory_reprieves")
        await watch.time("nothing to do", archive.decay("fresh", run_id=uuid4()))
    return below, archived


async def section(server: Server, *, memories: int, times: int) -> Section:
    """All rounds on one server."""
    watch = Stopwatch()
    async with server.database("decay") as url:
        settings = node_settings(url, server.directory, capacity=1, lease=30, name="decay")
        async with open_database(Address.parse(url), settings, application="benchmarks") as database:
            below, archived = await rounds(database, watch, memories=memories, times=times)
    spreads = {name: Spread(tuple(laps)) for name, laps in watch.laps.items()}
    return Section(
        results=[{"name": name, "seconds": spread.facts(4)} for name, spread in spreads.items()]
        + [{"name": "counts", "below": below, "archived": archived}],
        tables=[
            Table(
                f"{memories:,} memories, {below:,} of them low, {archived:,} archived a pass",
                ("", "median s", "most s"),
                [
                    (name, f"{spread.median:.3f}", f"{max(spread.values):.3f}")
                    for name, spread in spreads.items()
                ],
            )
        ],
        ratios={"pass / goal of 5 s": spreads["pass"].median / GOAL_SECONDS},
    )


async def measure(arguments: Namespace) -> Report:
    """The section by itself."""
    async with started_server(arguments.directory) as server:
        found = await section(server, memories=arguments.memories, times=arguments.rounds)
        return Report(
            benchmark="maintenance.decay",
            machine=machine(server.directory),
            versions=await versions(server.admin_url, PACKAGES),
            options={"memories": arguments.memories, "rounds": arguments.rounds},
            results=found.results,
            tables=found.tables,
            ratios=found.ratios,
        )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--memories", type=options.positive, default=1_000_000)
    parser.add_argument("--rounds", type=options.positive, default=3)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
