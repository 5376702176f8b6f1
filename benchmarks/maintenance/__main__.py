"""Runs the sections that are asked for; all of them by default."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping

import benchmarks.maintenance
from benchmarks.machine import machine, versions
from benchmarks.maintenance import consolidation, decay, profiles
from benchmarks.maintenance.section import Section
from benchmarks.options import numbers, parser, positive
from benchmarks.report import Report
from benchmarks.server import Server, started_server


async def _consolidation(options: argparse.Namespace, server: Server) -> Section:
    return await consolidation.section(
        server, memories=options.consolidated, changed=options.changed, sizes_beside=options.beside
    )


async def _decay(options: argparse.Namespace, server: Server) -> Section:
    return await decay.section(server, memories=options.decayed, times=options.rounds)


SECTIONS: Mapping[str, Callable[[argparse.Namespace, Server], Awaitable[Section]]] = {
    "profiles": profiles.measured,
    "consolidation": _consolidation,
    "decay": _decay,
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
    options.add_argument(
        "--consolidated", type=positive, default=50_000, help="memories that are consolidated"
    )
    options.add_argument("--changed", type=positive, default=100, help="of them changed after the first pass")
    options.add_argument("--beside", type=numbers, default=(2_000, 5_000), help="sizes beside the usual way")
    options.add_argument("--decayed", type=positive, default=1_000_000, help="memories that decay")
    options.add_argument("--rounds", type=positive, default=3, help="passes of decay")
    chosen = options.parse_args()
    asyncio.run(measured(chosen)).print(as_json=chosen.json)


if __name__ == "__main__":
    main()
