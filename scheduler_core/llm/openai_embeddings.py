"""Embeddings from an OpenAI-compatible server."""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence

from scheduler_core.errors import ModelError
from scheduler_core.llm.openai import PROVIDER
from scheduler_core.llm.openai_answer import CallError, same_length, vectors
from scheduler_core.llm.openai_client import OpenAiClient
from scheduler_core.llm.provider import EmbeddingInfo, Locality

logger = logging.getLogger(__name__)

BATCH_TEXTS = 64
BATCH_CHARACTERS = 100_000
# 64 vectors of 8,192 numbers in 20 characters each, and what is around them.
_MOST_BYTES = 16 * 1024 * 1024
_PROBE = "The length of a vector."


class OpenAiEmbeddings:
    """An EmbeddingModel. Use it from one event loop; one request at a time.

    Args:
        client: owned by the model from now on.
        name: as the server calls it.
        locality: what the client enforces.
        dimensions: length of a vector; 0 until `prepare` has asked for one.
    """

    def __init__(self, client: OpenAiClient, *, name: str, locality: Locality, dimensions: int = 0) -> None:
        self._client = client
        self._name = name
        self._locality = locality
        self._dimensions = dimensions
        self._lock = asyncio.Lock()

    @property
    def info(self) -> EmbeddingInfo:
        """`checksum` is always empty: the server says no more than a name."""
        return EmbeddingInfo(
            name=self._name,
            provider=PROVIDER,
            locality=self._locality,
            checksum="",
            dimensions=self._dimensions,
        )

    async def prepare(self, *, timeout: float) -> EmbeddingInfo:
        """Learns the length of the vectors from one about a text of our own, unless it is known.

        Raises:
            ModelError: the server makes no vectors.
        """
        if not self._dimensions:
            await self.embed((_PROBE,), timeout=timeout)
        return self.info

    async def embed(self, texts: Sequence[str], *, timeout: float) -> Sequence[Sequence[float]]:
        """One vector of length 1 a text, in the same order; asked for in batches.

        Args:
            timeout: seconds for all texts together, further tries included.

        Raises:
            ModelError: no vectors; no text is quoted.
        """
        found: list[list[float]] = []
        try:
            async with self._lock, asyncio.timeout(timeout) as scope:
                for batch in _batches(texts):
                    found += await self._batch(batch, deadline=scope.when() or 0.0)
        except TimeoutError:
            raise ModelError(
                f"The model server made no vectors within {timeout:g} seconds.",
                "It may be loading the model; the next run tries again.",
            ) from None
        except CallError as error:
            logger.warning("model %s: %s", self._name, error.sentence)
            raise ModelError(error.sentence, f"Embeddings come from the model {self._name}.") from None
        return found

    async def aclose(self) -> None:
        """Closes the connection, also one in use. Idempotent."""
        await self._client.aclose()

    async def _batch(self, texts: Sequence[str], *, deadline: float) -> list[list[float]]:
        content = {"model": self._name, "input": list(texts), "encoding_format": "float"}
        body = json.dumps(content).encode()
        raw = await self._client.retrying(
            lambda: self._client.post("/embeddings", body, limit=_MOST_BYTES), deadline=deadline
        )
        found = vectors(raw, count=len(texts))
        same_length(found, self._dimensions or len(found[0]))
        self._dimensions = len(found[0])
        return found


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or characters + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        # Servers refuse an empty text, and it must have a vector nonetheless.
        batch.append(text or " ")
        characters += len(text)
    if batch:
        yield batch
