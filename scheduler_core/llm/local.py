"""The local models of a process: one for text and one for embeddings, chosen before each run.

Each is loaded once and kept while it is the choice. A model file that appears, breaks or is set aside
between two runs changes the choice of the next run, so no restart is needed. It does not look for models
on other machines.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.gpt4all_embedding import Gpt4AllEmbedding
from scheduler_core.llm.models import ModelFile, available_memory, choose, choose_embedding, discover
from scheduler_core.llm.provider import Locality
from scheduler_core.llm.quarantine import Quarantine
from scheduler_core.llm.templates import ChatTemplate

log = logging.getLogger(__name__)


class LocalModels:
    """Chooses among GGUF files.

    Args:
        folders: where to look, the first ones listed first.
        wanted: the configured text model; empty chooses by itself.
        wanted_embedding: the configured embedding model; empty chooses by itself.
        state_dir: where checksums and the quarantine are kept.
        threads: for inference; never more than the cores less one are used.
        context_tokens: prompt and answer together.
        load_timeout, idle_seconds, memory_limit_bytes: as for `gpt4all_host.HostOptions`.
        template: the layout of prompts; None chooses it by the model's file.
        memory: bytes that a model may take now, apart from `memory_limit_bytes`.
    """

    def __init__(
        self,
        *,
        folders: Sequence[Path],
        wanted: str,
        state_dir: Path,
        threads: int,
        context_tokens: int,
        load_timeout: float,
        idle_seconds: float,
        wanted_embedding: str = "",
        memory_limit_bytes: int | None = None,
        template: ChatTemplate | None = None,
        memory: Callable[[], int] = available_memory,
    ) -> None:
        self._folders = folders
        self._wanted = wanted
        self._wanted_embedding = wanted_embedding
        self._state_dir = state_dir
        self._threads = threads
        self._context_tokens = context_tokens
        self._load_timeout = load_timeout
        self._idle_seconds = idle_seconds
        self._memory_limit = memory_limit_bytes
        self._template = template
        self._memory = memory
        self._chosen: ModelFile | None = None
        self._chosen_embedding: ModelFile | None = None
        self._model: Gpt4AllModel | None = None
        self._embedding: Gpt4AllEmbedding | None = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str | None:
        """The text model in use and where it runs, as screens show it: `NAME local`."""
        return None if self._chosen is None else f"{self._chosen.name} {Locality.LOCAL}"

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The processes that hold the models that are loaded now."""
        found = (None if each is None else each.process_id for each in (self._model, self._embedding))
        return tuple(process_id for process_id in found if process_id is not None)

    @property
    def memory_bytes(self) -> int:
        """What a model may take now: what is free, and what our own models hold, within the limit."""
        held = 0
        if self._chosen is not None and self._model is not None and self._model.is_loaded:
            held += self._chosen.size_bytes
        if self._chosen_embedding is not None and self._embedding is not None and self._embedding.is_loaded:
            held += self._chosen_embedding.size_bytes
        free = self._memory() + held
        return free if self._memory_limit is None else min(free, self._memory_limit)

    def files(self) -> tuple[ModelFile, ...]:
        """Every model file found now, with its verdict. Blocks while it reads headers."""
        return discover(self._folders, memory_bytes=self.memory_bytes, quarantine=Quarantine(self._state_dir))

    def choice(self, files: Sequence[ModelFile], *, wanted: str = "") -> ModelFile:
        """The file that text is written with: `wanted`, else the configured one, else the best.

        Raises:
            ModelError: nothing can be used, or the one asked for is missing, broken or not a text model.
        """
        return choose(files, wanted=wanted or self._wanted)

    def embedding_choice(self, files: Sequence[ModelFile], *, wanted: str = "") -> ModelFile | None:
        """The file that embeddings are made with; None when there is none.

        Raises:
            ModelError: the one asked for is missing, broken or makes no embeddings.
        """
        return choose_embedding(files, wanted=wanted or self._wanted_embedding)

    def open_text(self, file: ModelFile) -> Gpt4AllModel:
        """A model of its own, for the caller to close; nothing is loaded yet."""
        return Gpt4AllModel(
            file,
            state_dir=self._state_dir,
            threads=self._threads,
            context_tokens=self._context_tokens,
            load_timeout=self._load_timeout,
            idle_seconds=self._idle_seconds,
            memory_limit_bytes=self._memory_limit,
            template=self._template,
        )

    def open_embedding(self, file: ModelFile) -> Gpt4AllEmbedding:
        """A model of its own, for the caller to close; nothing is loaded yet."""
        return Gpt4AllEmbedding(
            file,
            state_dir=self._state_dir,
            threads=self._threads,
            context_tokens=self._context_tokens,
            load_timeout=self._load_timeout,
            idle_seconds=self._idle_seconds,
            memory_limit_bytes=self._memory_limit,
        )

    async def look(self) -> Gpt4AllModel | None:
        """Chooses anew from the files there are now, without loading anything.

        Raises:
            ModelError: the configured model is missing or broken.
        """
        async with self._lock:
            files = await asyncio.to_thread(self.files)
            for passed in files:
                if passed.reason:
                    log.info("Model %s is passed over: %s", passed.name, passed.reason)
            file = self._choose(files)
            if _identity(file) != _identity(self._chosen):
                await self._replace(file)
            return self._model

    async def current(self) -> Gpt4AllModel | None:
        """The model for the next run, checked; None when no file can be used and none was asked for by name.

        Raises:
            ModelError: the configured model is missing, broken or set aside.
        """
        model = await self.look()
        if model is not None:
            await model.prepare()
        return model

    async def embedder(self) -> Gpt4AllEmbedding | None:
        """The embedding model for the next run, checked; None when no file can be used and none was asked
        for by name. It stays ours: do not close it.

        Raises:
            ModelError: the configured model is missing, broken, set aside or makes no embeddings.
        """
        async with self._lock:
            files = await asyncio.to_thread(self.files)
            file = self.embedding_choice(files)
            if _identity(file) != _identity(self._chosen_embedding):
                await self._replace_embedding(file)
            embedding = self._embedding
        if embedding is not None:
            await embedding.prepare()
        return embedding

    async def aclose(self) -> None:
        """Ends the models' processes."""
        async with self._lock:
            await self._replace(None)
            await self._replace_embedding(None)

    def _choose(self, files: Sequence[ModelFile]) -> ModelFile | None:
        try:
            return self.choice(files)
        except ModelError:
            if self._wanted.strip():
                raise
            return None

    async def _replace(self, file: ModelFile | None) -> None:
        model, self._model, self._chosen = self._model, None, file
        if model is not None:
            await model.aclose()
        if file is not None:
            self._model = self.open_text(file)

    async def _replace_embedding(self, file: ModelFile | None) -> None:
        embedding, self._embedding, self._chosen_embedding = self._embedding, None, file
        if embedding is not None:
            await embedding.aclose()
        if file is not None:
            self._embedding = self.open_embedding(file)


def _identity(file: ModelFile | None) -> tuple[Path, int] | None:
    return None if file is None else (file.path, file.size_bytes)
