"""What consolidating memories costs: a first pass over all, a pass after a few changes, and one after none.

A bot's memories lie in a private PostgreSQL with vectors of 384 dimensions; one in ten nearly copies another.
The passes run in a process of their own, whose peak memory is measured. Beside them: the usual way, a full
matrix of similarities and a loop in Python over it, which finds candidates only.
"""

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np

from benchmarks import options
from benchmarks.machine import machine, versions
from benchmarks.maintenance.section import Section
from benchmarks.report import Report, Table
from benchmarks.server import Server, connected, started_server
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.memory_candidates import MemoryCandidates
from scheduler_core.db.memory_judgements import MemoryJudgements
from scheduler_core.db.memory_vectors import MemoryVectors
from scheduler_core.llm.provider import EmbeddingInfo, Locality
from scheduler_core.maintenance.consolidation import MemoryConsolidation, Stores
from scheduler_core.maintenance.memory_embedding import embedding_identity
from scheduler_core.maintenance.neighbours import close_pairs
from scheduler_core.maintenance.reporter import Silent

PACKAGES = ("asyncpg", "numpy")
DIMENSIONS = 384
BOT = "nova"
INFO = EmbeddingInfo(
    name="drawn",
    provider="benchmark",
    locality=Locality.LOCAL,
    checksum="sha256:" + "0" * 64,
    dimensions=DIMENSIONS,
)
_VERBS = ("likes", "collects", "repairs", "studies", "reads about", "writes about", "talks about", "sells")
_SAME, _MORE = " indeed", " often"
_BATCH = 2_000


class Drawn:
    """An embedding model whose vectors are drawn from the text's own seed; near copies lie near."""

    info = INFO

    async def embed(self, texts: Sequence[str], *, timeout: float) -> Sequence[Sequence[float]]:
        found: list[list[float]] = vectors_of(texts).tolist()
        return found

    async def aclose(self) -> None:
        return None


def texts(count: int, *, seed: int) -> list[str]:
    """Memories of made-up words, every tenth a near copy of an earlier one."""
    draw = random.Random(seed)
    words = [
        "".join(draw.choices("bdfgklmnprstvz", k=3)) + draw.choice(("aen", "eor", "ial", "oim", "uus"))
        for _ in range(9_000)
    ]
    made: list[str] = []
    for number in range(count):
        if number % 10 == 9:
            # Half of them say the same, half of them say more.
            made.append(made[number - 5] + (_SAME if number % 20 == 9 else _MORE))
        else:
            made.append(f"User {draw.choice(_VERBS)} {' '.join(draw.choices(words, k=draw.randint(3, 9)))}")
    return made


def vectors_of(made: Sequence[str]) -> Any:
    rows = np.empty((len(made), DIMENSIONS), np.float32)
    for row, text in enumerate(made):
        near = text.removesuffix(_MORE).removesuffix(_SAME)
        rows[row] = np.random.default_rng(abs(hash_of(near))).standard_normal(DIMENSIONS)
        if near != text:
            rows[row] += 0.3 * np.random.default_rng(abs(hash_of(text))).standard_normal(DIMENSIONS)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode()[-24:], "big") ^ len(text)


async def fill(url: str, made: Sequence[str]) -> None:
    """Memories and their vectors, as if an earlier run had computed them."""
    identity = embedding_identity(INFO)
    async with connected(url) as connection:
        for start in range(0, len(made), _BATCH):
            part = made[start : start + _BATCH]
            ids = [f"m{start + number:06}" for number in range(len(part))]
            await connection.copy_records_to_table(
                "memories",
                records=[(BOT, *row) for row in zip(ids, part, strict=True)],
                columns=["bot_id", "id", "content"],
            )
            rows = vectors_of(part).astype("<f4")
            await connection.copy_records_to_table(
                "memory_embeddings",
                records=[(BOT, id_, identity, row.tobytes()) for id_, row in zip(ids, rows, strict=True)],
                columns=["bot_id", "id", "model", "embedding"],
            )
        await connection.execute("VACUUM ANALYZE memories")
        await connection.execute("VACUUM ANALYZE memory_embeddings")


async def passes(url: str, changed: int) -> dict[str, Any]:
    """The three passes, in this process."""
    database = Database.open(Address.parse(url), pool_size=4, application="benchmark")
    stores = Stores(
        archive=MemoryArchive(database),
        judgements=MemoryJudgements(database),
        vectors=MemoryVectors(database),
        candidates=MemoryCandidates(database),
    )
    found: dict[str, Any] = {"memory_before_mib": _peak()}
    try:
        for name in ("first", "changed", "unchanged"):
            if name == "changed":
                await _change(database, changed)
            service = MemoryConsolidation(
                stores=stores, model=None, embedding=Drawn(), reporter=Silent(), request_timeout=60
            )
            began = time.perf_counter()
            proposal = await service.propose(BOT)
            proposed = time.perf_counter()
            merged = await service.carry_out(proposal, run_id=uuid4())
            found[name] = {
                "seconds": round(time.perf_counter() - began, 3),
                "comparing_seconds": round(proposed - began, 3),
                "memories": proposal.memories,
                "changed": len(proposal.changes),
                "pairs": proposal.compared,
                "archived": merged.archived,
            }
    finally:
        await database.aclose()
    return found | {"peak_mib": _peak()}


async def _change(database: Database, count: int) -> None:
    """Rewords some memories, and gives them their vectors, so that comparing alone is measured."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "UPDATE memories SET content = content || ' again' WHERE bot_id = $1 AND id IN"
            " (SELECT id FROM memories WHERE bot_id = $1 ORDER BY md5(id) LIMIT $2) RETURNING id, content",
            BOT,
            count,
        )
    vectors = vectors_of([row["content"] for row in rows]).astype("<f4")
    await MemoryVectors(database).store(
        BOT,
        model=embedding_identity(INFO),
        vectors=[(row["id"], row["content"], one.tobytes()) for row, one in zip(rows, vectors, strict=True)],
    )


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def beside(size: int) -> dict[str, Any]:
    """Candidates by the usual loop and by blocks; both must find the same."""
    vectors = vectors_of(texts(size, seed=2)).astype(np.float32)
    began = time.perf_counter()
    matrix = vectors @ vectors.T
    usual = {
        (one, other) for one in range(size) for other in range(one + 1, size) if matrix[one][other] >= 0.75
    }
    middle = time.perf_counter()
    pairs = close_pairs(vectors, np.arange(size), floor=0.75, most=size)
    ours = time.perf_counter() - middle
    if {(pair.left, pair.right) for pair in pairs} != usual:
        raise AssertionError("the two ways found different pairs")
    return {
        "size": size,
        "usual_seconds": round(middle - began, 3),
        "blocks_seconds": round(ours, 4),
        "pairs": len(usual),
    }


async def section(server: Server, *, memories: int, changed: int, sizes_beside: Sequence[int]) -> Section:
    """The passes, and candidates beside the usual way."""
    async with server.database("consolidation") as url:
        await fill(url, texts(memories, seed=1))
        # A process of its own, so that neither the filling nor the usual way counts.
        command = [sys.executable, "-m", __spec__.name, "--at", url, "--changed", str(changed)]
        done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
    peak = found["peak_mib"]
    sizes = [beside(size) for size in sizes_beside]
    rows = [
        (name, f"{found[name]['changed']:,}", f"{found[name]['comparing_seconds']:.2f}",
         f"{found[name]['seconds']:.2f}", f"{found[name]['pairs']:,}", f"{found[name]['archived']:,}")
        for name in ("first", "changed", "unchanged")
    ]  # fmt: skip
    return Section(
        results=[found, *sizes],
        tables=[
            Table(
                f"{memories:,} memories of {DIMENSIONS} dimensions; peak {peak:.0f} MiB",
                ("pass", "changed", "s comparing", "s in all", "pairs", "archived"),
                rows,
            ),
            Table(
                "Candidates beside the usual full matrix with a loop",
                ("memories", "usual s", "blocks s", "times"),
                [
                    (
                        f"{one['size']:,}",
                        f"{one['usual_seconds']:.2f}",
                        f"{one['blocks_seconds']:.3f}",
                        f"{one['usual_seconds'] / one['blocks_seconds']:.0f}",
                    )
                    for one in sizes
                ],
            ),
        ],
    )


async def measure(arguments: argparse.Namespace) -> Report:
    """The section by itself."""
    async with started_server(arguments.directory) as server:
        found = await section(
            server, memories=arguments.memories, changed=arguments.changed, sizes_beside=arguments.beside
        )
        return Report(
            benchmark="maintenance.consolidation",
            machine=machine(server.directory),
            versions=await versions(server.admin_url, PACKAGES),
            options={"memories": arguments.memories, "changed": arguments.changed, "dimensions": DIMENSIONS},
            results=found.results,
            tables=found.tables,
        )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--memories", type=options.positive, default=50_000)
    parser.add_argument("--changed", type=options.positive, default=100)
    parser.add_argument("--beside", type=options.numbers, default=(2_000, 5_000))
    parser.add_argument("--at", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.at:
        print(json.dumps(asyncio.run(passes(arguments.at, arguments.changed))))
        return
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
