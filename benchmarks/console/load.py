"""A person at the keys while rows keep changing behind every screen.

Keys come one after another, each when the last was long answered, so that what is measured is how long one
takes and not how many fit. Every screen is visited again and again.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from bawt_console.modes import MODES
from benchmarks.console.fill import fill
from benchmarks.console.section import Section
from benchmarks.console.start import console_environment
from benchmarks.console.terminal import Terminal, in_terminal
from benchmarks.report import Spread, Table
from benchmarks.server import Server, connected
from scheduler_core.db.connect import Connection

WRITERS = 4
KEYS_A_SECOND = 8
# Start-up, first pages and the growth of caches count for the figures of their own, not for the steady state.
SETTLE_SECONDS = 10.0
MOVES = ("\x1b[B", "\x1b[B", "\x1b[B", "\x1b[A", "j", "k")


async def section(options: argparse.Namespace, server: Server) -> Section:
    """One large database, and consoles one after the other: each visits every screen, and the last one's keys
    are pressed for long."""
    async with server.database("load") as url:
        async with connected(url) as psql:
            began = time.monotonic()
            await fill(psql, jobs=options.jobs, runs=options.runs)
            filled = time.monotonic() - began
        async with changing(url, options.changes) as changed:
            began = time.monotonic()
            visits = [await _console(url, server, seconds=0.0) for _ in range(options.visits - 1)]
            visits.append(await _console(url, server, seconds=options.seconds))
            rate = changed[0] / (time.monotonic() - began)
    return _section(options, visits, rate, filled)


async def _console(url: str, server: Server, *, seconds: float) -> dict[str, Any]:
    """What one console noted until it was left."""
    notes = server.directory / "notes.json"
    command = (
        *(sys.executable, "-m", "benchmarks.console.screen"),
        *(f"--url={url}", f"--directory={server.directory}", f"--notes={notes}"),
    )
    async with in_terminal(command, environment=console_environment(url, server.directory)) as terminal:
        await terminal.seen("bot1")
        await _press_keys(terminal, seconds=seconds)
        terminal.press("q")
        async with asyncio.timeout(30):
            await terminal.process.wait()
    noted: dict[str, Any] = json.loads(await asyncio.to_thread(Path(notes).read_text))
    return noted


async def _press_keys(terminal: Terminal, *, seconds: float) -> None:
    chance = random.Random(7)
    until = time.monotonic() + seconds
    modes = [mode.key for mode in MODES]
    for mode in modes:
        terminal.press(mode)
        await asyncio.sleep(1.0)
    while time.monotonic() < until:
        terminal.press(chance.choice(modes))
        for _ in range(chance.randint(4, 16)):
            await asyncio.sleep(1 / KEYS_A_SECOND)
            terminal.press(chance.choice(MOVES))
        await asyncio.sleep(1 / KEYS_A_SECOND)


@asynccontextmanager
async def changing(url: str, rate: int) -> AsyncIterator[list[int]]:
    """Changes rows, each in a transaction of its own; gives how many there were so far."""
    changed = [0]
    connections = [await asyncpg.connect(url) for _ in range(WRITERS)]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_change(connection, rate / WRITERS, changed, number))
            for number, connection in enumerate(connections)
        ]
        try:
            yield changed
        finally:
            for task in tasks:
                task.cancel()
    for connection in connections:
        connection.terminate()


async def _change(connection: Connection, rate: float, changed: list[int], seed: int) -> None:
    """What a busy scheduler does: runs begin, log, progress and end; jobs move on."""
    chance = random.Random(seed)
    jobs = [
        (row["id"], row["job_type"], row["bot_id"])
        for row in await connection.fetch(
            "SELECT id, job_type, bot_id FROM scheduled_jobs WHERE bot_id LIKE 'bot%'"
        )
    ][seed::WRITERS]
    running: list[Any] = []
    due = time.monotonic()
    while True:
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        dice = chance.random()
        if len(running) < 5 or (dice < 0.1 and len(running) < 30):
            job_id, job_type, bot = chance.choice(jobs)
            found = await connection.fetchval(
                "INSERT INTO job_runs (job_id, bot_id, job_type, trigger, status, started_at, node_id)"
                " VALUES ($1, $2, $3, 'manual', 'running', now(), '00000000-0000-0000-0000-000000000001')"
                " ON CONFLICT DO NOTHING RETURNING id",
                job_id,
                bot,
                job_type,
            )
            running += [found] if found is not None else []
        elif dice < 0.2:
            await connection.execute(
                "UPDATE job_runs SET status = 'success', finished_at = now(), duration_ms = 900,"
                " progress = NULL"
                " WHERE id = $1",
                running.pop(0),
            )
        elif dice < 0.5:
            await connection.execute(
                "UPDATE job_runs SET progress = $2 WHERE id = $1",
                chance.choice(running),
                f"{chance.randint(1, 12)} of 12",
            )
        elif dice < 0.9:
            await connection.execute(
                "INSERT INTO job_run_events (run_id, level, message) VALUES ($1, 'info', 'looked at a line')",
                chance.choice(running),
            )
        else:
            await connection.execute(
                "UPDATE scheduled_jobs SET last_run_at = now(), next_run_at = now() + interval '1 day'"
                " WHERE id = $1",
                chance.choice(jobs)[0],
            )
        changed[0] += 1


def growth_an_hour(memory: Sequence[Sequence[float]]) -> float:
    """Bytes an hour, by least squares over the later half, when all is loaded once."""
    later = memory[len(memory) // 2 :]
    if len(later) < 3:
        return 0.0
    middle = sum(at for at, *_ in later) / len(later)
    mean = sum(size for _, size, *_ in later) / len(later)
    spread = sum((at - middle) ** 2 for at, *_ in later)
    return 3600 * sum((at - middle) * (size - mean) for at, size, *_ in later) / spread


def _section(
    options: argparse.Namespace, visits: Sequence[dict[str, Any]], rate: float, filled: float
) -> Section:
    notes = visits[-1]
    began = notes["stalls"][0][0] + SETTLE_SECONDS
    keys, screens = Spread(tuple(notes["keys"])), Spread(tuple(notes["screens"]))
    stalls = Spread(tuple(stall for at, stall in notes["stalls"] if at > began))
    first_pages = {
        name: Spread(tuple(visit["loads"][name][0] for visit in visits))
        for name, loads in notes["loads"].items()
        if loads
    }
    memory = notes["memory"]
    size, growth = memory[-1][1], growth_an_hour(memory)
    spreads = {"key to picture": keys, "screen to picture": screens, "stall of the loop": stalls}
    pages = Table(
        f"Milliseconds until a first page was there in {options.visits} consoles, and for every later one",
        ("", "first", "most", "loads", "p50", "p99"),
        [
            (
                name,
                *(f"{1000 * each:.0f}" for each in (first.median, max(first.values))),
                str(len(notes["loads"][name])),
                *(
                    f"{1000 * Spread(tuple(notes['loads'][name])).quantile(share):.0f}"
                    for share in (0.5, 0.99)
                ),
            )
            for name, first in first_pages.items()
        ],
    )
    return Section(
        results=[
            *({"name": name, "seconds": spread.facts(4)} for name, spread in spreads.items()),
            *(
                {
                    "name": f"page of {name}",
                    "first_seconds": first.facts(4),
                    "seconds": Spread(tuple(notes["loads"][name])).facts(4),
                }
                for name, first in first_pages.items()
            ),
            {
                "name": "memory",
                "mib": round(size / 2**20, 1),
                "mib_most": round(max(each[1] for each in memory) / 2**20, 1),
                "mib_an_hour": round(growth / 2**20, 2),
                "tasks": [memory[len(memory) // 2][2], memory[-1][2]],
                "widgets": [memory[len(memory) // 2][3], memory[-1][3]],
            },
            {"name": "changes", "per_second": round(rate, 1), "seconds_to_fill": round(filled, 1)},
        ],
        tables=[
            Table(
                f"Milliseconds with {options.jobs:,} jobs, {options.runs:,} runs,"
                f" {rate:.0f} changes a second",
                ("", "count", "p50", "p99", "most"),
                [
                    (
                        name,
                        f"{len(spread.values):,}",
                        *(f"{1000 * spread.quantile(share):.1f}" for share in (0.5, 0.99, 1.0)),
                    )
                    for name, spread in spreads.items()
                ],
            ),
            pages,
            Table(
                f"Memory over {options.seconds:g} s",
                ("", "MiB"),
                [("resident at the end", f"{size / 2**20:.0f}"), ("growth an hour", f"{growth / 2**20:.1f}")],
            ),
        ],
        ratios={
            "key to picture p99 / 50 ms": keys.quantile(0.99) / 0.05,
            "longest stall / 100 ms": max(stalls.values) / 0.1,
            "slowest first page / 100 ms": max(each.median for each in first_pages.values()) / 0.1,
            "memory / 150 MB": size / 150e6,
        },
    )
