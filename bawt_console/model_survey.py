"""Every model of this machine at one moment: files with their verdicts, the server, and what is taken.

It prints nothing and loads no model.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler_core.errors import ModelError
from scheduler_core.llm.chooser import server_model
from scheduler_core.llm.models import ModelFile
from scheduler_core.llm.openai_server import ServerModel
from scheduler_core.model_choice import local_models, model_chooser
from scheduler_core.settings import Settings

TEXT, EMBEDDINGS = "text", "embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSurvey:
    """Everything found.

    Attributes:
        taken: the files that are taken, and what for.
        free_bytes: memory that a model may take.
        trouble: why no file is taken for text; None if one is, or none is wanted.
    """

    files: Sequence[ModelFile]
    taken: dict[str, ModelFile]
    server: ServerModel | None
    server_is_taken: bool
    free_bytes: int
    trouble: ModelError | None
    embedding_trouble: ModelError | None


def survey(settings: Settings) -> ModelSurvey:
    """Everything there is now. Blocks: it reads headers and asks the server; not for an event loop."""
    local = local_models(settings)
    files = local.files()
    taken: dict[str, ModelFile] = {}
    trouble = embedding_trouble = None
    if server_model(settings.profile_maintenance_model) is None:
        try:
            taken[TEXT] = local.choice(files)
        except ModelError as error:
            trouble = error
    if server_model(settings.embedding_model) is None:
        try:
            chosen = local.embedding_choice(files)
            taken |= {} if chosen is None else {EMBEDDINGS: chosen}
        except ModelError as error:
            embedding_trouble = error
    server = asyncio.run(_server(settings))
    return ModelSurvey(
        # One that was configured by its path may lie outside the folders.
        files=tuple(dict.fromkeys((*files, *taken.values()))),
        taken=taken,
        server=server,
        server_is_taken=server is not None and not server.reason and TEXT not in taken,
        free_bytes=local.memory_bytes,
        trouble=trouble,
        embedding_trouble=embedding_trouble,
    )


async def _server(settings: Settings) -> ServerModel | None:
    chooser = model_chooser(settings)
    try:
        return await chooser.standing()
    finally:
        await chooser.aclose()
