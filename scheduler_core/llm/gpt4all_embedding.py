"""A local GGUF model that makes embeddings through gpt4all's Embed4All, in a child process of its own.

The process is looked after like that of a text model. Texts longer than the model's context are cut into
parts whose vectors are averaged. Nothing here imports gpt4all.
"""

import asyncio
import base64
import math
from array import array
from collections.abc import Sequence
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.gpt4all_host import EndedError, HostOptions, ModelHost
from scheduler_core.llm.gpt4all_process import Message
from scheduler_core.llm.models import ModelFile
from scheduler_core.llm.provider import EmbeddingInfo, FinishReason, Locality

_NOMIC_ARCHITECTURE = "nomic-bert"


class Gpt4AllEmbedding:
    """An EmbeddingModel for one file. Use it from one event loop.

    Args:
        file: what `models.choose_embedding` returned.
        state_dir, threads, context_tokens, load_timeout, idle_seconds, memory_limit_bytes: as for
            `HostOptions`.
    """

    def __init__(
        self,
        file: ModelFile,
        *,
        state_dir: Path,
        threads: int,
        context_tokens: int,
        load_timeout: float,
        idle_seconds: float,
        memory_limit_bytes: int | None = None,
    ) -> None:
        options = HostOptions(
            state_dir=state_dir,
            threads=threads,
            context_tokens=context_tokens,
            load_timeout=load_timeout,
            idle_seconds=idle_seconds,
            memory_limit_bytes=memory_limit_bytes,
        )
        self._file = file
        self._host = ModelHost(
            file, options, loading={"kind": "embedding", "prefixes": _prefixes(file.architecture)}
        )

    @property
    def info(self) -> EmbeddingInfo:
        """The checksum is empty until it was computed once: by `prepare` or the first request."""
        return EmbeddingInfo(
            name=self._file.name,
            provider="gpt4all",
            locality=Locality.LOCAL,
            checksum=self._host.checksum,
            dimensions=self._file.dimensions,
        )

    @property
    def is_loaded(self) -> bool:
        return self._host.is_loaded

    @property
    def process_id(self) -> int | None:
        """The child's process id while there is one."""
        return self._host.process_id

    async def prepare(self) -> EmbeddingInfo:
        """Checks the file and knows its checksum, without loading it.

        Raises:
            ModelError: the file is missing or broken, or the model is set aside.
        """
        await self._host.prepare()
        return self.info

    async def embed(self, texts: Sequence[str], *, timeout: float) -> Sequence[Sequence[float]]:
        """One vector of length 1 a text, in the same order; of no texts none, without loading the model.

        Args:
            timeout: seconds for all texts together, load excluded.

        Raises:
            ModelError: no vectors; which of the texts is at fault is not told, and no text is quoted.
            asyncio.CancelledError: after native work has stopped or was killed, within a second.
        """
        if not texts:
            return ()
        encoded: list[str] = []

        def sink(message: Message) -> None:
            encoded.extend(message["vectors"])

        request = {"op": "embed", "texts": [_native(text) for text in texts]}
        try:
            async with self._host.turn() as process:
                done = await self._host.ask(process, request, timeout=timeout, sink=sink)
        except EndedError as end:
            raise ModelError(f"The texts could not be embedded: {end.detail}") from end
        if done["finish"] != FinishReason.STOP:
            raise ModelError(f"The texts could not be embedded: {done['detail']}")
        # Thousands of vectors take long enough to be felt on the event loop.
        return await asyncio.to_thread(self._vectors, encoded, len(texts))

    async def aclose(self) -> None:
        """Ends the child; a request that is running fails. Idempotent."""
        await self._host.aclose()

    def _vectors(self, encoded: Sequence[str], count: int) -> tuple[tuple[float, ...], ...]:
        vectors = tuple(_unit(array("f", base64.b64decode(text))) for text in encoded)
        if len(vectors) != count or any(len(vector) != self._file.dimensions for vector in vectors):
            raise ModelError("The texts could not be embedded: the model gave vectors of a wrong shape.")
        return vectors


def _prefixes(architecture: str) -> list[str | None]:
    """Tasks to try in this order: for comparing texts with each other, the model's default, none."""
    return ["clustering", None, ""] if architecture == _NOMIC_ARCHITECTURE else [None, ""]


def _unit(vector: "array[float]") -> tuple[float, ...]:
    length = math.sqrt(sum(value * value for value in vector))
    if not math.isfinite(length) or length == 0:
        raise ModelError("The texts could not be embedded: the model gave a vector without direction.")
    return tuple(value / length for value in vector)


def _native(text: str) -> str:
    """Native code ends a text at a NUL, and cannot take lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
