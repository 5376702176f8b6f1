"""The embeddings of memories, in float32 blocks to compute with.

Vectors are stored as bytes, because the driver makes an object of every number in an array. They belong to
the text they were computed from: the database drops them when it changes. Nothing here computes one.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from scheduler_core.db.database import Database
from scheduler_core.db.memory_rows import text_hash
from scheduler_core.db.statement import statement

FLOAT_BYTES = 4
# 6 MiB of 384 dimensions; larger pieces are not read any faster.
BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class VectorBlock:
    """Vectors of `ids`, one after the other: little-endian float32, each of length 1."""

    ids: tuple[str, ...]
    vectors: bytes


class MemoryVectors:
    """Statements over `memory_embeddings` and `memory_vectors`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lacking(
        self, bot_id: str, *, model: str, after: str = "", page: int = 256
    ) -> list[tuple[str, str]]:
        """The next ids and texts of memories without a vector of this model, by id.

        Args:
            after: the last id of the page before.
        """
        sql = statement("memory_unembedded")
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                sql.text, *sql.bind(bot=bot_id, model=model, after=after, page=page)
            )
        return [(row["id"], row["content"]) for row in rows]

    async def store(self, bot_id: str, *, model: str, vectors: Sequence[tuple[str, str, bytes]]) -> int:
        """Keeps vectors by id, each with the text it was computed from; those of changed texts are left out.

        Returns:
            how many were kept.
        """
        sql = statement("memory_embed")
        values = sql.bind(
            bot=bot_id,
            model=model,
            ids=[id_ for id_, _, _ in vectors],
            hashes=[text_hash(text) for _, text, _ in vectors],
            embeddings=[vector for _, _, vector in vectors],
        )
        async with self._database.connection() as connection:
            kept = await connection.fetch(sql.text, *values)
        return len(kept)

    async def blocks(
        self, bot_id: str, *, model: str, dimensions: int, size: int = BLOCK
    ) -> AsyncIterator[VectorBlock]:
        """All vectors of a bot by id, `size` at a time. Each block is a statement of its own, so no
        transaction stays open while somebody computes."""
        after = ""
        while True:
            block = await self.block(bot_id, model=model, dimensions=dimensions, after=after, size=size)
            if block.ids:
                yield block
            if len(block.ids) < size:
                return
            after = block.ids[-1]

    async def block(
        self, bot_id: str, *, model: str, dimensions: int, after: str = "", size: int = BLOCK
    ) -> VectorBlock:
        """The next vectors after an id."""
        sql = statement("memory_block")
        values = sql.bind(bot=bot_id, model=model, after=after, size=dimensions * FLOAT_BYTES, page=size)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.text, *values)
        assert row is not None
        return VectorBlock(tuple(row["ids"]), row["vectors"])

    async def of(self, bot_id: str, ids: Sequence[str], *, model: str) -> dict[str, bytes]:
        """The vectors of some memories; those without one are left out."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id, embedding FROM memory_embeddings"
                " WHERE bot_id = $1 AND id = ANY ($2::text[]) AND model = $3",
                bot_id,
                list(ids),
                model,
            )
        return {row["id"]: row["embedding"] for row in rows}
