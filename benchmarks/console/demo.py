"""From `bawt-console demo` to the first rows of its month, on a terminal.

Each start makes a server, a database and a month, and each end removes them. The processor's time stands
beside the clock's, because a busy machine changes only the latter.
"""

import argparse
import asyncio
import os
import resource
import sys
from pathlib import Path

from benchmarks.console.section import Section
from benchmarks.console.start import CONSOLE, clean_environment
from benchmarks.console.terminal import in_terminal
from benchmarks.report import Spread, Table
from benchmarks.server import Server

ROUNDS = 3
# A bot of the month, which is on the screen once its jobs are.
WORDS = "nova"
GOAL_SECONDS = 5.0


async def section(options: argparse.Namespace, server: Server) -> Section:
    """A few starts, the first of which counts too: nobody's first look at a demo is a warm one."""
    rounds = min(ROUNDS, options.rounds)
    found = [await _start(server.directory) for _ in range(rounds)]
    paints, lives, spent = (Spread(tuple(values)) for values in zip(*found, strict=True))
    rows = [
        (name, str(rounds), f"{1000 * spread.median:.0f}", f"{1000 * max(spread.values):.0f}")
        for name, spread in (("first picture", paints), ("rows", lives), ("processor time in all", spent))
    ]
    return Section(
        results=[
            {
                "name": "demo",
                "first_paint_seconds": paints.facts(),
                "live_seconds": lives.facts(),
                "processor_seconds": spent.facts(),
                "load": round(os.getloadavg()[0], 1),
            }
        ],
        tables=[Table("Milliseconds from the shell to the demo", ("", "starts", "p50", "most"), rows)],
        ratios={"demo ready / 5 s": lives.median / GOAL_SECONDS},
    )


async def _start(directory: Path) -> tuple[float, float, float]:
    before = _spent()
    command = (sys.executable, "-c", CONSOLE, "demo")
    async with in_terminal(command, environment=clean_environment(directory)) as terminal:
        live = await terminal.seen(WORDS)
        assert terminal.painted is not None
        terminal.press("q")
        async with asyncio.timeout(60):
            await terminal.process.wait()
        return terminal.painted, live, _spent() - before


def _spent() -> float:
    """Seconds of the processor that ended children took, with those of their own that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
