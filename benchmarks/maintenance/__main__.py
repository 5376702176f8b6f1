"""Runs the sections that are asked for; all of them by default."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping

import benchmarks.maintenance
from benchmarks.machine import machine, versions
from benchmarks.maintenance import profiles
from benchmarks.maintenance.section import Section
from benchmarks.options import parser
from benchmarks.report import Report
from benchmarks.server import Server, started_server

SECTIONS: Mapping[str, Callable[[argparse.Namespace, Server], Awaitable[Section]]] = {
    "profiles": profiles.measured,
}


async def measured(options: argparse.Namespace) -> Report:
    names = options.sections or list(SECTIONS)
    async with started_server(options.directory) as server:
        found = [await SECTIONS[name](options, server) for name in names]
        return Report(
            benchmark="maintenance",
            machine=machine(server.directory),
            versions=await versions(server.admin_url, ()),
            options={"sections": names},
            results=[result for section in found for result in section.results],
            tables=[table for section in found for table in section.tables],
            ratios={name: ratio for section in found for name, ratio in section.ratios.items()},
        )


def main() -> None:
    options = parser(benchmarks.maintenance.__doc__)
    options.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which ones; all by default")
    profiles.arguments(options)
    chosen = options.parse_args()
    asyncio.run(measured(chosen)).print(as_json=chosen.json)


if __name__ == "__main__":
    main()
