"""The one local text model of a process: chosen before each run, loaded once, kept while it is the choice.

A model file that appears, breaks or is set aside between two runs changes the choice of the next run, so
no restart is needed. It does not look for models on other machines.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import ModelFile, available_memory, choose, discover
from scheduler_core.llm.provider import Locality
from scheduler_core.llm.quarantine import Quarantine

log = logging.getLogger(__name__)


class LocalModels:
    """Chooses among GGUF files.

    Args:
        folders: where to look, the first ones listed first.
        wanted: the configured model; empty chooses by itself.
        state_dir: where checksums and the quarantine are kept.
        threads: for inference; never more than the cores less one are used.
        context_tokens: prompt and answer together.
        load_timeout, idle_seconds: as for `Gpt4AllModel`.
        memory: bytes that a model may take now.
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
        memory: Callable[[], int] = available_memory,
    ) -> None:
        self._folders = folders
        self._wanted = wanted
        self._state_dir = state_dir
        self._threads = threads
        self._context_tokens = context_tokens
        self._load_timeout = load_timeout
        self._idle_seconds = idle_seconds
        self._memory = memory
        self._chosen: ModelFile | None = None
        self._model: Gpt4AllModel | None = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str | None:
        """The model in use and where it runs, as screens show it: `NAME local`."""
        return None if self._chosen is None else f"{self._chosen.name} {Locality.LOCAL}"

    def files(self) -> tuple[ModelFile, ...]:
        """Every model file found now, with its verdict. Blocks while it reads headers."""
        # What we hold ourselves would otherwise count against its own fitting.
        held = (
            self._chosen.size_bytes
            if self._model is not None and self._model.is_loaded and self._chosen
            else 0
        )
        return discover(
            self._folders, memory_bytes=self._memory() + held, quarantine=Quarantine(self._state_dir)
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

    async def aclose(self) -> None:
        """Ends the model's process."""
        async with self._lock:
            await self._replace(None)

    def _choose(self, files: Sequence[ModelFile]) -> ModelFile | None:
        try:
            return choose(files, wanted=self._wanted)
        except ModelError:
            if self._wanted.strip():
                raise
            return None

    async def _replace(self, file: ModelFile | None) -> None:
        model, self._model, self._chosen = self._model, None, file
        if model is not None:
            await model.aclose()
        if file is not None:
            self._model = Gpt4AllModel(
                file,
                state_dir=self._state_dir,
                threads=self._threads,
                context_tokens=self._context_tokens,
                load_timeout=self._load_timeout,
                idle_seconds=self._idle_seconds,
            )


def _identity(file: ModelFile | None) -> tuple[Path, int] | None:
    return None if file is None else (file.path, file.size_bytes)
