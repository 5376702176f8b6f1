"""Computes the vectors that memories lack, page by page, and reads them back to be compared.

Each page is stored before the next is computed, so that stopping loses one page. Needs numpy when called.
Of more vectors than one would hold at once, only those of a few memories are read with their neighbours.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from scheduler_core.db.memory_candidates import MemoryCandidates
from scheduler_core.db.memory_neighbours import MOST_DIMENSIONS
from scheduler_core.db.memory_vectors import MemoryVectors
from scheduler_core.llm.provider import EmbeddingInfo, EmbeddingModel
from scheduler_core.maintenance.neighbours import Closeness, CloseSoFar
from scheduler_core.maintenance.reporter import Reporter

if TYPE_CHECKING:
    from scheduler_core.maintenance.neighbours import Positions, Vectors

PAGE = 256
# Neighbours by the index are asked for so many memories at a time, and twice as many as are wanted.
_ASKED_AT_ONCE = 200
_MORE = 2


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

    async def unindexed(self) -> str | None:
        """Why the database cannot find neighbours by its index, in half a sentence; None if it can."""
        if self._model.info.dimensions > MOST_DIMENSIONS:
            return f"no index takes {self._model.info.dimensions:,} dimensions"
        return await self._candidates.neighbours.unavailable()

    async def by_index(
        self,
        bot_id: str,
        ids: Sequence[str],
        place_of: Mapping[str, int],
        asking: "Positions",
        *,
        hidden: Collection[int],
        floor: float,
        most: int,
    ) -> list[Closeness]:
        """Neighbours that the database's index finds, with their exact similarities; it may miss some.

        Args:
            asking: places of those whose neighbours are wanted; other arguments as in `close_pairs`.
            hidden: places that are nobody's neighbours.
        """
        import numpy as np

        search, dimensions = self._candidates.neighbours, self._model.info.dimensions
        await search.refresh(bot_id, model=self.identity, dimensions=dimensions)
        found: set[Closeness] = set()
        for start in range(0, len(asking), _ASKED_AT_ONCE):
            wanted = [ids[place] for place in asking[start : start + _ASKED_AT_ONCE].tolist()]
            near = await search.nearest(bot_id, wanted, dimensions=dimensions, count=_MORE * most)
            involved = {id_ for one in near for id_ in (one.id, one.other)}
            stored = await self._vectors.of(bot_id, list(involved), model=self.identity)
            rows = {id_: np.frombuffer(vector, dtype="<f4") for id_, vector in stored.items()}
            scored: dict[int, list[Closeness]] = {}
            for one in near:
                place, other = place_of[one.id], place_of.get(one.other, -1)
                if one.id in rows and one.other in rows and other >= 0 and other not in hidden:
                    score = float(rows[one.id] @ rows[one.other])
                    if score >= floor:
                        pair = Closeness(min(place, other), max(place, other), score)
                        scored.setdefault(place, []).append(pair)
            for pairs in scored.values():
                found.update(sorted(pairs, key=lambda pair: -pair.score)[:most])
        return sorted(found)

    async def by_blocks(
        self,
        bot_id: str,
        ids: Sequence[str],
        place_of: Mapping[str, int],
        asking: "Positions",
        *,
        hidden: Collection[int],
        floor: float,
        most: int,
    ) -> list[Closeness]:
        """Exact neighbours, with one block of all the vectors in memory at a time.

        Args:
            asking, hidden, floor, most: as in `by_index`.
        """
        import numpy as np

        dimensions = self._model.info.dimensions
        rows = np.zeros((len(asking), dimensions), dtype=np.float32)
        for start in range(0, len(asking), PAGE):
            wanted = [ids[place] for place in asking[start : start + PAGE].tolist()]
            stored = await self._vectors.of(bot_id, wanted, model=self.identity)
            for row, id_ in enumerate(wanted, start):
                if id_ in stored and len(stored[id_]) == rows[row].nbytes:
                    rows[row] = np.frombuffer(stored[id_], dtype="<f4")
        near = CloseSoFar(rows, asking, floor=floor, most=most)
        nobody = np.array(sorted({-1, *hidden}), np.int64)
        async for block in self._vectors.blocks(bot_id, model=self.identity, dimensions=dimensions):
            others = np.frombuffer(block.vectors, dtype="<f4").reshape(-1, dimensions)
            places = np.fromiter((place_of.get(id_, -1) for id_ in block.ids), np.int64, len(block.ids))
            shown = ~np.isin(places, nobody)
            await asyncio.to_thread(near.add, others[shown], places[shown])
        return near.pairs()
