"""The database of one installation, as its settings say, and who acts on it.

It opens things and hands them out; it runs nothing. Commands and the console open the database here without
becoming a scheduler node.
"""

import getpass
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from scheduler_core.data_directory import data_dir
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.messages_schema import upgrade_messages
from scheduler_core.db.migration import may_write, migrate, require_schema
from scheduler_core.db.operations import Operations
from scheduler_core.domain import JobType
from scheduler_core.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

PER_BOT_TYPES = (str(JobType.MEMORY_CONSOLIDATION), str(JobType.MEMORY_DECAY))


def local_actor(program: str = "") -> str:
    """Who acts, for the audit: account, host and program; no secret."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = str(os.getuid())
    return f"{account}@{socket.gethostname()} {program}".strip()


@asynccontextmanager
async def open_address(
    settings: Settings, *, server_settings: Mapping[str, str] | None = None
) -> AsyncIterator[Address]:
    """The configured server, or the embedded one, started if need be and held while inside.

    Args:
        server_settings: as for `embedded_server`.

    Raises:
        ConfigError, EmbeddedServerError: in words a person can act on.
    """
    if settings.external_url is not None:
        yield Address.parse(settings.external_url)
        return
    from scheduler_core.db.embedded.server import embedded_server, revive

    async with embedded_server(
        data_dir(settings), database=settings.postgres_database, settings=server_settings
    ) as server:
        yield Address.parse(
            server.url, embedded=True, revive=lambda: revive(server, settings=server_settings)
        )


@asynccontextmanager
async def open_database(
    address: Address,
    settings: Settings,
    *,
    application: str,
    pool_size: int | None = None,
    read_only: bool = False,
    engine: "AsyncEngine | None" = None,
) -> AsyncIterator[Database]:
    """A pool on an up-to-date schema that has its default jobs. A read-only one is taken as it is, and so
    is one whose role may only look, and a host's `engine`.

    Raises:
        DatabaseError, DatabaseTooNewError: in words a person can act on.
    """
    if engine is not None:
        database = Database.of_host(engine, address=address)
    else:
        database = Database.open(
            address,
            pool_size=pool_size or settings.database_pool_size,
            application=application,
            read_only=read_only,
        )
    try:
        if read_only or not await may_write(database):
            await require_schema(database)
        else:
            await migrate(database)
            if settings.task_queue == "pgqueuer":
                await upgrade_messages(database)
            await JobStore(database, node_id=uuid4()).seed_jobs(default_intervals(settings))
        yield database
    finally:
        await database.aclose()


def operations(database: Database, settings: Settings, *, actor: str) -> Operations:
    """What people do to jobs and runs, under their name."""
    return Operations(database, actor=actor, per_bot_types=PER_BOT_TYPES, extra_bots=settings.bots)


def default_intervals(settings: Settings) -> dict[str, int]:
    """Minutes between slots of each default job."""
    return {
        str(JobType.PROFILE_MAINTENANCE): settings.profile_maintenance_interval_minutes,
        str(JobType.MEMORY_CONSOLIDATION): settings.memory_consolidation_interval_minutes,
        str(JobType.MEMORY_DECAY): settings.memory_decay_interval_minutes,
    }
