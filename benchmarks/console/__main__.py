"""Runs the sections that are asked for; all of them by default."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import benchmarks.console
from benchmarks.console import demo, lateness, load, start
from benchmarks.console.section import Section
from benchmarks.machine import machine, versions
from benchmarks.options import parser, positive
from benchmarks.report import Report
from benchmarks.server import Server, started_server

LEAST_SECONDS = load.SETTLE_SECONDS + 2
PACKAGES = ("textual", "rich", "asyncpg")

SECTIONS: Mapping[str, Callable[[argparse.Namespace, Server], Awaitable[Section]]] = {
    "start": start.section,
    "load": load.section,
    "lateness": lateness.section,
    "demo": demo.section,
}


async def measured(options: argparse.Namespace) -> Report:
    names = options.sections or list(SECTIONS)
    async with started_server(options.directory) as server:
        facts = machine(server.directory)
        found = [await SECTIONS[name](options, server) for name in names]
        return Report(
            benchmark="console",
            machine=facts,
            versions=await versions(server.admin_url, PACKAGES),
            options={
                "sections": names,
                "jobs": options.jobs,
                "runs": options.runs,
                "changes": options.changes,
            },
            results=[result for section in found for result in section.results],
            tables=[table for section in found for table in section.tables],
            ratios={name: ratio for section in found for name, ratio in section.ratios.items()},
        )


def main() -> None:
    options = parser(benchmarks.console.__doc__)
    options.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which ones; all by default")
    options.add_argument("--rounds", type=positive, default=10, help="starts of each program that count")
    options.add_argument("--no-peers", action="store_true", help="start the console alone")
    options.add_argument("--peers", type=Path, help="where the peers are, or are installed; kept")
    options.add_argument("--jobs", type=positive, default=1_000, help="jobs in the large database")
    options.add_argument("--runs", type=positive, default=10_000_000, help="runs in the large database")
    options.add_argument("--changes", type=positive, default=500, help="rows that change each second")
    options.add_argument("--visits", type=positive, default=5, help="consoles that visit every screen")
    options.add_argument("--seconds", type=float, default=120.0, help="how long the keys are pressed")
    options.add_argument("--slots", type=positive, default=400, help="slots whose lateness is measured")
    options.add_argument("--lateness-seconds", type=float, default=20.0, help="over which they are spread")
    options.add_argument("--lateness-rounds", type=positive, default=2, help="turns of each kind")
    chosen = options.parse_args()
    if chosen.seconds < LEAST_SECONDS:
        options.error(
            f"--seconds: at least {LEAST_SECONDS:g}; the first {load.SETTLE_SECONDS:g} do not count"
        )
    asyncio.run(measured(chosen)).print(as_json=chosen.json)


if __name__ == "__main__":
    main()
