"""What one installation consists of: its folders, its database, its models, as the settings say.

It opens things and hands them out; it runs nothing. Commands and the console open the database here without
becoming a scheduler node.
"""

import getpass
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.messages_schema import upgrade_messages
from scheduler_core.db.migration import migrate, require_schema
from scheduler_core.db.operations import Operations
from scheduler_core.domain import JobType
from scheduler_core.errors import ConfigError, EmbeddedServerError
from scheduler_core.llm.chooser import ModelChooser, server_model
from scheduler_core.llm.endpoint import Endpoint
from scheduler_core.llm.local import LocalModels
from scheduler_core.llm.models import default_model_folders
from scheduler_core.llm.openai_server import OpenAiServer
from scheduler_core.llm.templates import template_of
from scheduler_core.settings import Settings

MODEL_LOAD_SECONDS = 120.0

PER_BOT_TYPES = (str(JobType.MEMORY_CONSOLIDATION), str(JobType.MEMORY_DECAY))


def data_dir(settings: Settings) -> Path:
    """Where everything the program writes lies: `DATA_DIR`, else the platform's place for it."""
    if settings.data_dir is not None:
        return settings.data_dir
    from scheduler_core.db.embedded import default_data_dir

    return default_data_dir()


def prepared_data_dir(settings: Settings) -> Path:
    """`data_dir`, made if missing so that only its owner, and the embedded server's account, may enter.

    Beside a server of the user's own it need not suit an embedded one.

    Raises:
        EmbeddedServerError: it cannot be made or used.
    """
    from scheduler_core.db.embedded import make_data_dir

    directory = data_dir(settings)
    try:
        make_data_dir(directory)
    except EmbeddedServerError as error:
        if settings.external_url is None:
            raise
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            raise error from None
    return directory


def models_dir(settings: Settings) -> Path:
    """Where own model files lie: `MODELS_DIR`, else `models` in the data directory."""
    return settings.models_dir or data_dir(settings) / "models"


def prepared_models_dir(settings: Settings) -> Path:
    """`models_dir`, made if missing.

    Raises:
        ConfigError, EmbeddedServerError: it cannot be made.
    """
    if settings.models_dir is None and not data_dir(settings).exists():
        # Later an embedded server may move in, and it minds how its folder was made.
        prepared_data_dir(settings)
    folder = models_dir(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Correct LLM_BAWT_MODELS_DIR."
        ) from None
    return folder


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
    from scheduler_core.db.embedded import embedded_server, revive

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
    engine: AsyncEngine | None = None,
) -> AsyncIterator[Database]:
    """A pool on an up-to-date schema that has its default jobs. A read-only one is taken as it is, and so
    is a host's `engine`.

    Raises:
        DatabaseError, DatabaseTooNewError: in words a person can act on.
    """
    if engine is not None:
        database = Database(engine, address=address, owned=False)
    else:
        database = Database.open(
            address,
            pool_size=pool_size or settings.database_pool_size,
            application=application,
            read_only=read_only,
        )
    try:
        if read_only:
            await require_schema(database.engine, address=address)
        else:
            await migrate(database.engine, address=address)
            if settings.task_queue == "pgqueuer":
                await upgrade_messages(database)
            await JobStore(database, node_id=uuid4()).seed_jobs(default_intervals(settings))
        yield database
    finally:
        await database.aclose()


def operations(database: Database, settings: Settings, *, actor: str) -> Operations:
    """What people do to jobs and runs, under their name."""
    return Operations(database, actor=actor, per_bot_types=PER_BOT_TYPES, extra_bots=settings.bots)


def local_models(settings: Settings) -> LocalModels:
    """The local models as the settings choose them.

    Raises:
        ConfigError: the own chat template cannot be used.
    """
    return LocalModels(
        folders=default_model_folders(models_dir(settings)),
        wanted=_unless_of_server(settings.profile_maintenance_model),
        wanted_embedding=_unless_of_server(settings.embedding_model),
        state_dir=data_dir(settings) / "state",
        threads=settings.model_threads or os.cpu_count() or 1,
        context_tokens=settings.model_context_tokens,
        load_timeout=MODEL_LOAD_SECONDS,
        idle_seconds=settings.model_idle_seconds,
        memory_limit_bytes=settings.model_memory_mb * 1_000_000 or None,
        template=template_of(settings.model_chat_template),
    )


def _unless_of_server(wanted: str) -> str:
    return wanted if server_model(wanted) is None else ""


def model_server(settings: Settings) -> OpenAiServer | None:
    """The OpenAI-compatible server of the settings; nothing is sent to it here.

    Raises:
        ConfigError: its address cannot be read.
    """
    if not settings.openai_base_url:
        return None
    return OpenAiServer(
        Endpoint.parse(settings.openai_base_url),
        key=settings.openai_api_key,
        model=settings.openai_model,
        embedding_model=settings.openai_embedding_model,
        allow_remote=settings.allow_remote_models,
        context_tokens=settings.model_context_tokens,
    )


def model_chooser(settings: Settings) -> ModelChooser:
    """What chooses the model of each run."""
    return ModelChooser(
        local=local_models(settings),
        server=model_server(settings),
        wanted=settings.profile_maintenance_model,
        wanted_embedding=settings.embedding_model,
    )


def default_intervals(settings: Settings) -> dict[str, int]:
    """Minutes between slots of each default job."""
    return {
        str(JobType.PROFILE_MAINTENANCE): settings.profile_maintenance_interval_minutes,
        str(JobType.MEMORY_CONSOLIDATION): settings.memory_consolidation_interval_minutes,
        str(JobType.MEMORY_DECAY): settings.memory_decay_interval_minutes,
    }
