"""From the shell to the first picture, and to rows of the database; beside programs of the same kind.

The database runs and the console attaches, as the second terminal of an operator would. Contestants take
turns, so that a busy moment of the machine meets all of them; the first round warms the caches and is not
counted.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.console.fill import fill
from benchmarks.console.section import Section
from benchmarks.console.terminal import in_terminal
from benchmarks.report import Spread, Table
from benchmarks.server import Server, connected

CONSOLE = "from bawt_console.cli import main; main()"
JOBS, RUNS = 40, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A program, what it shows once it can be used, and how it is started."""

    name: str
    command: Sequence[str]
    words: str
    environment: Mapping[str, str]


# What each shows once it can be used.
PEERS = {"posting": "Send", "harlequin": "Catalog", "glances": "CPU"}


async def section(options: argparse.Namespace, server: Server) -> Section:
    """First paints, live data and `--help`."""
    async with server.database("start") as url:
        async with connected(url) as psql:
            await fill(psql, jobs=JOBS, runs=RUNS)
        peers = [each for each in await _peers(options, server.directory) if await _can_start(each)]
        contestants = [_console(url, server.directory), *peers]
        paints: dict[str, list[float]] = {each.name: [] for each in contestants}
        ready: dict[str, list[float]] = {each.name: [] for each in contestants}
        for number in range(options.rounds + 1):
            for each in contestants:
                paint, live = await _start(each)
                if number:
                    paints[each.name].append(paint)
                    ready[each.name].append(live)
        help_ = [await _help(server.directory) for _ in range(options.rounds + 1)][1:]
    return _section(contestants, paints, ready, help_)


async def _can_start(peer: Contestant) -> bool:
    """Also warms its files up."""
    try:
        await _start(peer)
    except TimeoutError:
        print(f"{peer.name} shows nothing on this machine and is left out.", file=sys.stderr)
        return False
    return True


async def _start(contestant: Contestant) -> tuple[float, float]:
    async with in_terminal(contestant.command, environment=contestant.environment) as terminal:
        live = await terminal.seen(contestant.words)
        assert terminal.painted is not None
        return terminal.painted, live


async def _help(directory: Path) -> float:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CONSOLE, "--help"),
        stdout=asyncio.subprocess.DEVNULL,
        env=clean_environment(directory),
    )
    assert await process.wait() == 0
    return time.monotonic() - began


def clean_environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_BAWT_", "XDG_"))}
    return kept | {"HOME": str(directory)}


def console_environment(url: str, directory: Path) -> dict[str, str]:
    """What the console is started with: this database, and a home of its own."""
    return clean_environment(directory) | {"LLM_BAWT_DATABASE_URL": url, "LLM_BAWT_DATA_DIR": str(directory)}


def _console(url: str, directory: Path) -> Contestant:
    return Contestant(
        name="bawt-console",
        command=(sys.executable, "-c", CONSOLE, "--attach"),
        words="bot3",
        environment=console_environment(url, directory),
    )


async def _peers(options: argparse.Namespace, directory: Path) -> list[Contestant]:
    """Those that could be installed; the others are named on stderr."""
    found = []
    for name in () if options.no_peers else PEERS:
        home = (options.peers or directory) / name
        program = home / "bin" / name
        if not program.exists() and not await _install(home, name):
            print(f"{name} could not be installed and is left out.", file=sys.stderr)
            continue
        environment = clean_environment(directory)
        found.append(
            Contestant(name=name, command=(str(program),), words=PEERS[name], environment=environment)
        )
    return found


async def _install(home: Path, package: str) -> bool:
    for command in (
        (sys.executable, "-m", "venv", str(home)),
        (str(home / "bin/python"), "-m", "pip", "install", "-q", package),
    ):
        process = await asyncio.create_subprocess_exec(*command, stdout=sys.stderr)
        if await process.wait():
            return False
    return True


def _section(
    contestants: Sequence[Contestant],
    paints: Mapping[str, Sequence[float]],
    ready: Mapping[str, Sequence[float]],
    help_: Sequence[float],
) -> Section:
    spreads = {
        each.name: (Spread(tuple(paints[each.name])), Spread(tuple(ready[each.name]))) for each in contestants
    }
    asked = Spread(tuple(help_))
    rows = [
        (
            name,
            str(len(paint.values)),
            *(
                f"{1000 * value:.0f}"
                for value in (paint.median, max(paint.values), live.median, max(live.values))
            ),
        )
        for name, (paint, live) in spreads.items()
    ]
    rows.append(("bawt-console --help", str(len(asked.values)), f"{1000 * asked.median:.0f}", "", "", ""))
    own_paint, own_live = spreads["bawt-console"]
    return Section(
        results=[
            *(
                {"name": name, "first_paint_seconds": paint.facts(), "live_seconds": live.facts()}
                for name, (paint, live) in spreads.items()
            ),
            {"name": "bawt-console --help", "seconds": asked.facts()},
        ],
        tables=[
            Table(
                "Milliseconds from the shell to the first picture, and to something to work with",
                ("", "starts", "paint p50", "paint most", "ready p50", "ready most"),
                rows,
            )
        ],
        ratios={
            "first paint / 0.5 s": own_paint.median / 0.5,
            "live data / 1 s": own_live.median / 1.0,
            "--help / 0.2 s": asked.median / 0.2,
        },
    )
