"""Which models one installation has, as the settings say. It loads none and sends nothing.

Apart from `installation`, so that whoever only opens the database need not import what runs models.
"""

import os

from scheduler_core.data_directory import data_dir, models_dir
from scheduler_core.llm.chooser import ModelChooser, server_model
from scheduler_core.llm.endpoint import Endpoint
from scheduler_core.llm.local import LocalModels
from scheduler_core.llm.models import default_model_folders
from scheduler_core.llm.openai_server import OpenAiServer
from scheduler_core.llm.templates import template_of
from scheduler_core.settings import Settings

MODEL_LOAD_SECONDS = 120.0


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
