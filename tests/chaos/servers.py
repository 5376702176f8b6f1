"""PostgreSQL servers that a test may stop, fill and start again."""

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.embedded.postmaster import find_postmaster
from scheduler_core.db.embedded.server import EmbeddedServer, embedded_server, revive
from scheduler_core.db.migration import migrate
from tests.chaos.load import until

# psutil carries no types.
_processes: Any = psutil

# What was committed survives the end of the server; only a power cut could lose it.
SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class Server:
    """One server with the schema."""

    def __init__(self, server: EmbeddedServer, settings: Mapping[str, str]) -> None:
        self._server = server
        self._settings = settings
        self._cluster = server.data_dir / "postgres" / "cluster"

    @property
    def url(self) -> str:
        return self._server.url

    async def stop_now(self) -> None:
        """In immediate mode: every connection breaks, and the next start recovers."""
        pid = int((self._cluster / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)

        async def gone() -> bool:
            try:
                return bool(_processes.Process(pid).status() == psutil.STATUS_ZOMBIE)
            except psutil.NoSuchProcess:
                return True

        await until(gone, seconds=20, what="the server has stopped")

    async def start(self) -> None:
        await revive(self._server, settings=self._settings)

    def runs(self) -> bool:
        return find_postmaster(self._cluster) is not None


@asynccontextmanager
async def own_server(folder: Path, **settings: str) -> AsyncIterator[Server]:
    """A server in `folder`, with the schema; `settings` are PostgreSQL's."""
    given = SETTINGS | settings
    async with embedded_server(folder / "data", settings=given) as embedded:
        server = Server(embedded, given)
        async with open_pool(server.url) as database:
            await migrate(database)
        yield server


@asynccontextmanager
async def open_pool(url: str) -> AsyncIterator[Database]:
    database = Database.open(Address.parse(url), pool_size=2, application="tests")
    try:
        yield database
    finally:
        await database.aclose()
