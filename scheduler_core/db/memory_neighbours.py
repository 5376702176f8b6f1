"""Nearest neighbours among more memories than one would compare with all others: pgvector's HNSW index.

It is an index beside `memory_embeddings`, one a bot and size of vector, filled and built only for bots that
ask, and lost without harm. It answers approximately: whoever acts on an answer scores it again exactly.
Without the extension `unavailable` says why.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.memory_vectors import FLOAT_BYTES
from scheduler_core.db.statement import statement

# pgvector indexes no longer vectors than this.
MOST_DIMENSIONS = 2_000
PAGE = 500
BUILD_TIMEOUT = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A memory near another; `similarity` is the cosine."""

    id: str
    other: str
    similarity: float


class MemoryNeighbours:
    """Statements over `memory_vectors`, a table that is there only with the extension."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unavailable(self) -> str | None:
        """Makes the search possible, or says in half a sentence why it is not."""
        async with self._database.connection() as connection:
            reason: str | None = await connection.fetchval("SELECT bawt_enable_vectors()")
        return reason

    async def refresh(self, bot_id: str, *, model: str, dimensions: int) -> int:
        """Takes over the bot's vectors that are not there yet, and builds its index if it is the first time.
        Writers of memories wait for neither.

        Returns:
            how many vectors were taken over.
        """
        if not 0 < dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"no index for {dimensions} dimensions")
        missing = statement("memory_unindexed")
        index = statement("memory_index")
        numbers = struct.Struct(f"<{dimensions}f")
        total = 0
        async with self._database.connection() as connection:
            size = dimensions * FLOAT_BYTES
            wanted = missing.bind(bot=bot_id, model=model, size=size, page=PAGE)
            while rows := await connection.fetch(missing.text, *wanted):
                texts = [_literal(numbers.unpack(row["embedding"])) for row in rows]
                values = index.bind(bot=bot_id, model=model, ids=[row["id"] for row in rows], vectors=texts)
                await connection.execute(index.text, *values)
                total += len(rows)
            # After the rows: building once is cheaper than adding each.
            await _build(connection, bot_id, dimensions)
        return total

    async def nearest(
        self, bot_id: str, ids: Sequence[str], *, dimensions: int, count: int
    ) -> list[Neighbour]:
        """For each of these memories up to `count` others of the bot, the nearest first."""
        async with self._database.transaction() as connection:
            # Enough candidates for the asked number, whatever the server's default.
            await connection.execute(f"SET LOCAL hnsw.ef_search = {min(max(4 * count, 40), 1000)}")
            bot = await connection.fetchval("SELECT quote_literal($1::text)", bot_id)
            near = f"v.embedding::vector({dimensions:d}) <=> q.embedding::vector({dimensions:d})"
            # The index is found by its condition word for word, so these two cannot be binds.
            rows = await connection.fetch(
                "SELECT q.id, n.id AS other, 1 - n.distance AS similarity FROM memory_vectors q"
                f" CROSS JOIN LATERAL (SELECT v.id, {near} AS distance FROM memory_vectors v"
                f" WHERE v.bot_id = {bot} AND vector_dims(v.embedding) = {dimensions:d}"
                f" ORDER BY {near} LIMIT $2) n"
                f" WHERE q.bot_id = {bot} AND vector_dims(q.embedding) = {dimensions:d}"
                " AND q.id = ANY ($1::text[]) AND n.id <> q.id ORDER BY q.id, n.distance, n.id",
                list(ids),
                count + 1,
            )
        return [Neighbour(row["id"], row["other"], row["similarity"]) for row in rows]


async def _build(connection: Connection, bot_id: str, dimensions: int) -> None:
    name = f"memory_vectors_{sha256(f'{dimensions} {bot_id}'.encode()).hexdigest()[:16]}"
    valid = await connection.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", name
    )
    if valid:
        return
    if valid is not None:
        # Whoever built it was stopped half-way.
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    bot = await connection.fetchval("SELECT quote_literal($1::text)", bot_id)
    await connection.execute(
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON memory_vectors"
        f" USING hnsw ((embedding::vector({dimensions:d})) vector_cosine_ops)"
        f" WHERE bot_id = {bot} AND vector_dims(embedding) = {dimensions:d}",
        timeout=BUILD_TIMEOUT,
    )


def _literal(numbers: Sequence[float]) -> str:
    return "[" + ",".join(f"{number:.9g}" for number in numbers) + "]"
