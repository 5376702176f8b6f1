"""The PostgreSQL that all is measured on: the embedded one as the product starts it, in a new directory."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.embedded.server import EmbeddedServer, embedded_server
from scheduler_core.installation import open_database
from scheduler_core.settings import Settings

TEMPLATE = "with_schema"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with a template database that has the product's schema and no job that runs.

    Attributes:
        directory: everything that is written lies here and is removed at the end.
    """

    embedded: EmbeddedServer
    directory: Path

    @property
    def admin_url(self) -> str:
        """Of a database that nothing is measured in."""
        return self.embedded.url_of("postgres")

    @asynccontextmanager
    async def database(self, name: str, *, schema: bool = True) -> AsyncIterator[str]:
        """The URL of a new database, dropped afterwards; without `schema` it has no tables."""
        source = TEMPLATE if schema else "template1"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {source}")
        await self.checkpoint()
        try:
            yield self.embedded.url_of(name)
        finally:
            await self._run(f"DROP DATABASE {name} WITH (FORCE)")

    async def checkpoint(self) -> None:
        """Writes everything back, so that one contestant does not pay for another's pages: while the
        system still writes what was there before, a commit waits a tenth of a second for the disk.
        """
        await self._run("CHECKPOINT")
        await asyncio.to_thread(os.sync)

    async def _run(self, *statements: str) -> None:
        async with connected(self.admin_url) as connection:
            for statement in statements:
                await connection.execute(statement)


@asynccontextmanager
async def started_server(parent: Path | None = None) -> AsyncIterator[Server]:
    """Starts a server with the product's settings under `parent`, or the system's temporary directory."""
    with _temporary_directory(parent) as directory:
        async with embedded_server(directory / "data", database=TEMPLATE) as embedded:
            await _make_template(embedded, directory)
            yield Server(embedded, directory)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A plain connection, as psql would have one."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def node_settings(url: str, directory: Path, *, capacity: int, lease: float, name: str) -> Settings:
    """A node's settings: the defaults, but for what is passed."""
    return Settings(
        database_url=SecretStr(url),
        data_dir=directory,
        scheduler_max_concurrent_runs=capacity,
        scheduler_lease_seconds=lease,
        node_name=name,
    )


@contextmanager
def _temporary_directory(parent: Path | None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="bawt-bench-", dir=parent))
    # Started by root the server runs as another account, which must be able to pass through.
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _make_template(embedded: EmbeddedServer, directory: Path) -> None:
    settings = node_settings(embedded.url, directory, capacity=1, lease=30, name="template")
    address = Address.parse(embedded.url)
    async with (
        open_database(address, settings, application="benchmarks") as database,
        database.connection() as connection,
    ):
        # The default jobs would run at every start and be counted.
        await connection.execute("UPDATE scheduled_jobs SET enabled = false")
