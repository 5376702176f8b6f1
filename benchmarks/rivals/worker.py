"""A rival's worker as a process. It prepares, works and counts when told; the order is the benchmark's."""

import argparse
import asyncio
import importlib
import logging

from benchmarks.crew import report, told
from benchmarks.rivals.rival import Opener


async def _run(arguments: argparse.Namespace) -> None:
    # Imported by name: a rival that is not installed is no reason for the others not to run.
    opened: Opener = importlib.import_module(f"benchmarks.rivals.{arguments.rival}").opened
    async with opened(arguments.url, arguments.batch) as rival:
        report("ready")
        async for words in told():
            word, _, value = words.partition(" ")
            if word == "prepare":
                await rival.prepare(int(value))
                report("prepared")
            elif word == "go":
                report("started")
                await rival.work()
                report("over")
            elif word == "count":
                count, last = await rival.recorded()
                report("counted", count=count, last=last)


def main() -> None:
    """Runs until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rival")
    parser.add_argument("--url", required=True)
    parser.add_argument("--batch", type=int, required=True)
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
