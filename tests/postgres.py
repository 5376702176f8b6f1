"""Real PostgreSQL servers for the tests: one for the whole suite, and places where more may be started."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from scheduler_core.db.embedded.postmaster import find_postmaster
from scheduler_core.db.embedded.server import EmbeddedServer, embedded_server

# psutil carries no types.
_processes: Any = psutil

# Nothing of a test's data outlives the suite, so nothing waits for the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# A database for each test means copying hundreds of files, which a disk does ten times slower.
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 4 << 30


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A new directory that other accounts may pass through, removed afterwards with any server left in it.

    Started by root the server runs as another account, which cannot enter pytest's own `tmp_path`.
    """
    directory = Path(tempfile.mkdtemp(prefix="bawt-", dir=MEMORY if _holds_servers(MEMORY) else None))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        for lock_file in directory.rglob("postmaster.pid"):
            kill_server(lock_file.parent)
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running_server() -> Iterator[EmbeddedServer]:
    """An embedded server in a directory of its own, for code without an event loop."""
    # Its own loop, never set as the current one: pytest-asyncio keeps that for the tests.
    with reachable_directory() as directory, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        context = embedded_server(directory / "data", settings=FAST)
        server = runner.run(context.__aenter__())
        try:
            yield server
        finally:
            runner.run(context.__aexit__(None, None, None))


def run_statement(server: EmbeddedServer, statement: str) -> None:
    """Runs one statement on the server's own database, for code without an event loop."""

    async def run() -> None:
        connection = await asyncpg.connect(server.url_of("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(run())


def kill_server(cluster: Path) -> None:
    """SIGKILL for the server on the cluster and all its children, as a power cut would."""
    found = find_postmaster(cluster)
    if found is None or found.process is None:
        return
    postmaster = _processes.Process(int((cluster / "postmaster.pid").read_text().split()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGKILL)
    while any(_is_alive(process) for process in family):
        os.sched_yield()


def _holds_servers(folder: Path) -> bool:
    """Whether a file system in memory has room for servers, and lets programs run that lie on it."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    room = found.f_bavail * found.f_frsize
    return os.access(folder, os.W_OK) and room >= ENOUGH_MEMORY and not found.f_flag & os.ST_NOEXEC


def _is_alive(process: Any) -> bool:
    """Not a zombie either: the system may take seconds to bury an orphan."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
