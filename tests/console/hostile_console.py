"""Runs a console full of hostile data on this process's terminal; the pseudo-terminal test starts it.

Usage: python -m tests.console.hostile_console LOG_FILE
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bawt_console.app import ConsoleApp, run_console
from bawt_console.terminal import private_terminal, send_output_to
from tests.console.fakes import FakeSource
from tests.console.hostile import PAYLOADS, hostile_world

NOISE = "NATIVE NOISE"


@asynccontextmanager
async def opener() -> AsyncIterator[FakeSource]:
    os.write(2, f"{NOISE} on stderr\n".encode())
    os.write(1, f"{NOISE} on stdout\n".encode())
    print(f"{NOISE} by print", file=sys.stderr)
    text = "".join(each for each in PAYLOADS.values() if "\ud800" not in each and len(each) < 1_000)
    yield FakeSource(hostile_world(text), label=text)


def main() -> int:
    with private_terminal():
        send_output_to(Path(sys.argv[1]))
        return asyncio.run(run_console(ConsoleApp(opener)))


if __name__ == "__main__":
    sys.exit(main())
