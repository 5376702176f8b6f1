"""How late slots start when the scheduler lives behind a screen that somebody hammers, and when it has none.

The same jobs, the same number of slots; the two take turns. The jobs have nothing to do, so that what is late
is the scheduler and not the work.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

from benchmarks.console.load import MOVES
from benchmarks.console.section import Section
from benchmarks.console.start import CONSOLE, console_environment
from benchmarks.console.terminal import Terminal, in_terminal
from benchmarks.report import Spread, Table
from benchmarks.server import Server, connected
from scheduler_core.db.connect import Connection

HAMMERED_A_SECOND = 40
FIRST_IN_SECONDS = 3.0


async def section(options: argparse.Namespace, server: Server) -> Section:
    """Both ways, in turns."""
    late: dict[str, list[float]] = {"without a screen": [], "behind a hammered screen": []}
    for _ in range(options.lateness_rounds):
        for name, found in late.items():
            async with server.database("lateness") as url:
                found += await _measure(options, url, server.directory, with_screen=name.startswith("behind"))
    spreads = {name: Spread(tuple(found)) for name, found in late.items()}
    bare, hammered = (spread.quantile(0.99) for spread in spreads.values())
    return Section(
        results=[{"name": name, "late_seconds": spread.facts(5)} for name, spread in spreads.items()],
        tables=[
            Table(
                "Milliseconds from a slot to its start",
                ("the scheduler is", "slots", "p50", "p99", "most"),
                [
                    (
                        name,
                        f"{len(spread.values):,}",
                        *(f"{1000 * spread.quantile(share):.1f}" for share in (0.5, 0.99, 1.0)),
                    )
                    for name, spread in spreads.items()
                ],
            )
        ],
        ratios={"p99 behind a screen, beyond headless, / 10 ms": (hammered - bare) / 0.01},
    )


async def _measure(
    options: argparse.Namespace, url: str, directory: Path, *, with_screen: bool
) -> list[float]:
    async with connected(url) as psql:
        # Nothing is due before all is set up.
        await psql.execute(
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
            " SELECT 'memory_decay', 'bot' || n, 1440, now() + interval '1 day'"
            " FROM generate_series(1, $1::int) n",
            options.slots,
        )
        await psql.execute("ANALYZE scheduled_jobs")
        environment = console_environment(url, directory)
        command = [sys.executable, "-c", CONSOLE, *([] if with_screen else ["--no-ui"])]
        if not with_screen:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                return await _slots(options, psql)
            finally:
                process.terminate()
                await process.wait()
        async with in_terminal(command, environment=environment) as terminal:
            await terminal.seen("bot1")
            hammering = asyncio.create_task(_hammer(terminal))
            try:
                return await _slots(options, psql)
            finally:
                hammering.cancel()


async def _hammer(terminal: Terminal) -> None:
    chance = random.Random(5)
    keys = (*MOVES, "1", "2", "1", "2", "s", "\x1b[C", "\x1b[D", "3", "4", "8", "\t")
    while True:
        terminal.press(chance.choice(keys))
        await asyncio.sleep(1 / HAMMERED_A_SECOND)


async def _slots(options: argparse.Namespace, connection: Connection) -> list[float]:
    """Gives every job a slot, evenly over some seconds, once a node is there; how late each began."""
    async with asyncio.timeout(60):
        while not await _has_node(connection):  # noqa: ASYNC110 - another process cannot set an event of ours
            await asyncio.sleep(0.1)
    first = await connection.fetchval(
        "SELECT clock_timestamp() + make_interval(secs => $1)", FIRST_IN_SECONDS
    )
    await connection.execute(
        "UPDATE scheduled_jobs SET next_run_at = $1::timestamptz"
        " + make_interval(secs => $2::float * substr(bot_id, 4)::int / $3)"
        " WHERE bot_id LIKE 'bot%'",
        first,
        options.lateness_seconds,
        options.slots,
    )
    deadline = time.monotonic() + FIRST_IN_SECONDS + options.lateness_seconds + 60
    while True:
        rows = await connection.fetch(
            "SELECT extract(epoch FROM started_at - scheduled_for)::float AS late FROM job_runs"
            " WHERE job_type = 'memory_decay' AND trigger = 'schedule' AND scheduled_for >= $1"
            " AND status NOT IN ('pending', 'running')",
            first,
        )
        if len(rows) >= options.slots:
            return [row["late"] for row in rows]
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{len(rows)} of {options.slots} slots were served; load {os.getloadavg()[0]:.1f}"
            )
        await asyncio.sleep(0.5)


async def _has_node(connection: Connection) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM scheduler_nodes WHERE state = 'active')"
    )
    return found
