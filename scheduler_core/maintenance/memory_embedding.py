"""Computes the vectors that memories lack, page by page, and reads them back as one array.

Each page is stored before the next is computed, so that stopping loses one page. Needs numpy when called.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scheduler_core.db.memory_candidates import MemoryCandidates
from scheduler_core.db.memory_vectors import MemoryVectors
from scheduler_core.llm.provider import EmbeddingInfo, EmbeddingModel
from scheduler_core.maintenance.reporter import Reporter

if TYPE_CHECKING:
    from scheduler_core.maintenance.neighbours import Vectors

PAGE = 256


def embedding_identity(info: EmbeddingInfo) -> str:
    """What tells embedding models apart: the file's checksum, or who serves it under which name."""
    return f"{info.checksum or f'{info.provider}:{info.name}'}:{info.dimensions}"


class MemoryEmbedding:
    """
    Args:
        timeout: seconds for one page.
    """

    def __init__(
        self, *, model: EmbeddingModel, vectors: MemoryVectors, candidates: MemoryCandidates, timeout: float
    ) -> None:
        self._model = model
        self._vectors = vectors
        self._candidates = candidates
        self._timeout = timeout

    @property
    def identity(self) -> str:
        return embedding_identity(self._model.info)

    async def complete(self, bot_id: str, reporter: Reporter) -> int:
        """Computes and stores what is lacking; what got its first vector is listed as changed.

        Returns:
            how many were computed.

        Raises:
            ModelError: the model gives no vectors; what it gave before is kept.
        """
        import numpy as np

        after, done = "", 0
        while page := await self._vectors.lacking(bot_id, model=self.identity, after=after, page=PAGE):
            await reporter.progress(f"computing embeddings, {done} done")
            found = await self._model.embed([text for _, text in page], timeout=self._timeout)
            array = np.asarray(found, dtype="<f4")
            lengths = np.linalg.norm(array, axis=1, keepdims=True)
            array = array / np.where(lengths > 0, lengths, 1)
            rows = [(id_, text, row.tobytes()) for (id_, text), row in zip(page, array, strict=True)]
            # Listed first: a vector without a look at it would never be looked at.
            await self._candidates.revisit(bot_id, [id_ for id_, _ in page])
            await self._vectors.store(bot_id, model=self.identity, vectors=rows)
            after = page[-1][0]
            done += len(page)
        return done

    async def load(self, bot_id: str, place_of: Mapping[str, int]) -> "Vectors":
        """One row for each place; zeros where there is no vector."""
        import numpy as np

        dimensions = self._model.info.dimensions
        array = np.zeros((len(place_of), dimensions), dtype=np.float32)
        async for block in self._vectors.blocks(bot_id, model=self.identity, dimensions=dimensions):
            rows = np.frombuffer(block.vectors, dtype="<f4").reshape(-1, dimensions)
            places = np.fromiter((place_of.get(id_, -1) for id_ in block.ids), np.int64, len(block.ids))
            # One that came since the texts were read waits for the next run.
            array[places[places >= 0]] = rows[places >= 0]
        return array
