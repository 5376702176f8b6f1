"""Nearest neighbours by the index: right, kept up to date, and honest where the extension is missing."""

import math
import random
import struct

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.memory_neighbours import MemoryNeighbours
from scheduler_core.db.memory_vectors import MemoryVectors
from scheduler_core.db.migration import migrate
from tests.db.memories import add, fetch

DIMENSIONS = 8


def direction(seed: int) -> tuple[float, ...]:
    """A vector of length 1."""
    source = random.Random(seed)
    numbers = [source.gauss(0, 1) for _ in range(DIMENSIONS)]
    length = math.sqrt(sum(number * number for number in numbers))
    return tuple(number / length for number in numbers)


def packed(numbers: tuple[float, ...]) -> bytes:
    return struct.pack(f"<{DIMENSIONS}f", *numbers)


@pytest.fixture
def search(database: Database) -> MemoryNeighbours:
    return MemoryNeighbours(database)


async def filled(database: Database, count: int, *, bot: str = "nova") -> MemoryVectors:
    vectors = MemoryVectors(database)
    for number in range(count):
        await add(database, str(number), id_=f"m{number:02}", bot=bot)
    rows = [(f"m{number:02}", str(number), packed(direction(number))) for number in range(count)]
    await vectors.store(bot, model="m", vectors=rows)
    return vectors


async def test_the_nearest_come_first_with_their_cosine_and_from_the_same_bot(
    database: Database, search: MemoryNeighbours
) -> None:
    assert await search.unavailable() is None
    for bot in ("nova", "o'brien \\ %s"):
        await filled(database, 30, bot=bot)
        assert await search.refresh(bot, model="m", dimensions=DIMENSIONS) == 30
        found = await search.nearest(bot, ["m00", "m07"], dimensions=DIMENSIONS, count=3)
        exact = {
            id_: sorted(
                (
                    (
                        sum(a * b for a, b in zip(direction(seed), direction(other), strict=True)),
                        f"m{other:02}",
                    )
                    for other in range(30)
                    if other != seed
                ),
                reverse=True,
            )[:3]
            for id_, seed in (("m00", 0), ("m07", 7))
        }
        for id_, expected in exact.items():
            mine = [one for one in found if one.id == id_]
            assert [one.other for one in mine] == [other for _, other in expected]
            cosines = [cosine for cosine, _ in expected]
            assert [one.similarity for one in mine] == pytest.approx(cosines, abs=1e-6)


async def test_a_new_text_leaves_the_search_and_only_what_is_new_is_taken_over(
    database: Database, search: MemoryNeighbours
) -> None:
    vectors = await filled(database, 5)
    await search.refresh("nova", model="m", dimensions=DIMENSIONS)
    assert await search.refresh("nova", model="m", dimensions=DIMENSIONS) == 0
    await fetch(database, "UPDATE memories SET content = 'new' WHERE id = 'm01'")
    await fetch(database, "DELETE FROM memories WHERE id = 'm02'")
    near = await search.nearest("nova", ["m00"], dimensions=DIMENSIONS, count=9)
    assert {one.other for one in near} == {"m03", "m04"}
    await vectors.store("nova", model="m", vectors=[("m01", "new", packed(direction(0)))])
    assert await search.refresh("nova", model="m", dimensions=DIMENSIONS) == 1
    [nearest] = await search.nearest("nova", ["m00"], dimensions=DIMENSIONS, count=1)
    assert nearest.other == "m01"
    assert nearest.similarity == pytest.approx(1, abs=1e-6)


async def test_an_index_that_was_left_half_built_is_built_again(
    database: Database, search: MemoryNeighbours
) -> None:
    await filled(database, 5)
    await search.refresh("nova", model="m", dimensions=DIMENSIONS)
    state = (
        "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relname LIKE 'memory_vectors_%' AND c.relname <> 'memory_vectors_pkey'"
    )
    await fetch(
        database,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT oid FROM pg_class"
        " WHERE relname LIKE 'memory_vectors_%' AND relname <> 'memory_vectors_pkey')",
    )
    await search.refresh("nova", model="m", dimensions=DIMENSIONS)
    assert [row["indisvalid"] for row in await fetch(database, state)] == [True]


async def test_without_the_extension_all_else_works_and_the_reason_is_told(empty_database: str) -> None:
    database = Database.open(Address.parse(empty_database), pool_size=2, application="tests")
    # A role that may do everything here but create extensions.
    role = f"plain_{id(database)}"
    await fetch(database, f"CREATE ROLE {role}")
    await fetch(database, f"GRANT ALL ON SCHEMA public TO {role}")
    separator = "&" if "?" in empty_database else "?"
    address = Address.parse(f"{empty_database}{separator}role={role}")
    plain = Database.open(address, pool_size=1, application="tests")
    try:
        assert await migrate(plain)
        search = MemoryNeighbours(plain)
        assert await search.unavailable() == "this database user may not create the extension vector"
        vectors = await filled(plain, 2)
        assert [block.ids async for block in vectors.blocks("nova", model="m", dimensions=DIMENSIONS)] == [
            ("m00", "m01")
        ]
        await fetch(database, "CREATE EXTENSION vector")
        assert await search.unavailable() is None
        assert await search.refresh("nova", model="m", dimensions=DIMENSIONS) == 2
    finally:
        await plain.aclose()
        await fetch(database, f"DROP OWNED BY {role}")
        await fetch(database, f"DROP ROLE {role}")
        await database.aclose()
