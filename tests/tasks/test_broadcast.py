"""What a model writes reaches whoever listens, in pieces that fit, and no table."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.db.connect import Connection, connect
from scheduler_core.db.database import Database
from scheduler_core.db.generation_news import MOST_BYTES, GenerationNews, _written, generation_of
from scheduler_core.db.notify import GENERATION_CHANNEL
from scheduler_core.domain import Generation
from scheduler_core.errors import DatabaseError
from scheduler_core.tasks.broadcast import Broadcast

SECRET = "Quendolyn collects barometers"


class Listener:
    """Another session that listens, as a console does."""

    def __init__(self) -> None:
        self.heard: list[Generation] = []
        self._something = asyncio.Event()

    def take(self, connection: object, pid: int, channel: str, payload: object) -> None:
        generation = generation_of(str(payload))
        assert generation is not None
        self.heard.append(generation)
        self._something.set()

    async def next(self) -> Generation:
        async with asyncio.timeout(10):
            while not self.heard:
                self._something.clear()
                await self._something.wait()
        return self.heard.pop(0)


@pytest.fixture
async def listener(database: Database) -> AsyncIterator[Listener]:
    connection = await connect(database.address, application="listener")
    listening = Listener()
    await connection.add_listener(GENERATION_CHANNEL, listening.take)
    yield listening
    await connection.close()


async def tables_with(connection: Connection, words: str) -> list[str]:
    names = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    found = []
    for row in names:
        query = f"SELECT count(*) FROM {row['name']} t WHERE t::text LIKE '%' || $1 || '%'"
        if await connection.fetchval(query, words):
            found.append(row["name"])
    return found


async def test_words_are_heard_while_they_are_written_and_are_in_no_table(
    database: Database, listener: Listener
) -> None:
    broadcast = Broadcast(GenerationNews(database), with_text=True)
    run_id = uuid4()
    with broadcast.of(run_id, 40) as heard:
        await broadcast.run_once()
        asked = await listener.next()
        assert (asked.run_id, asked.tokens, asked.max_tokens, asked.text) == (run_id, 0, 40, "")
        assert asked.first_token_seconds is None
        for word in SECRET.split(" "):
            heard(f"{word} ")
        await broadcast.run_once()
        written = await listener.next()
        assert written.text == f"{SECRET} "
        assert written.tokens == 3
        async with database.connection() as connection:
            assert await tables_with(connection, "Quendolyn") == []
    await broadcast.run_once()
    last = await listener.next()
    assert last.is_over
    assert last.text is None
    assert await broadcast.run_once() == 0


async def test_without_the_setting_only_counts_are_told(database: Database, listener: Listener) -> None:
    broadcast = Broadcast(GenerationNews(database), with_text=False)
    with broadcast.of(uuid4(), 40) as heard:
        heard(SECRET)
        await broadcast.run_once()
        told = await listener.next()
    assert told.text is None
    assert told.tokens == 1


async def test_it_goes_on_after_the_database_was_away_and_ends_with_a_last_word() -> None:
    told: asyncio.Queue[Sequence[Generation]] = asyncio.Queue()
    failures = [DatabaseError("gone", "")]

    class News:
        async def tell(self, generations: Sequence[Generation]) -> None:
            told.put_nowait(generations)
            if failures:
                raise failures.pop()

    broadcast = Broadcast(News(), with_text=True)
    running = asyncio.create_task(broadcast.run())
    try:
        async with asyncio.timeout(10):
            with broadcast.of(uuid4(), 9) as heard:
                heard("one")
                await told.get()
                assert [each.text for each in await told.get()] == ["one"]
            while not (await told.get())[0].is_over:
                pass
        assert await broadcast.run_once() == 0
    finally:
        running.cancel()


@given(st.text(max_size=9_000), st.integers(0, 10**9))
def test_news_of_any_text_fit_and_are_the_end_of_it(text: str, start: int) -> None:
    generation = Generation(
        run_id=UUID(int=1), tokens=7, max_tokens=9, seconds=1.5, text=text, start=start, repeats=True
    )
    payload = _written(generation)
    assert len(payload.encode()) <= MOST_BYTES
    read = generation_of(payload)
    assert read is not None
    assert read.text is not None
    stored = text.replace("\0", "␀")
    assert stored.encode("utf-8", "replace").endswith(read.text.encode("utf-8", "replace")[-20:])
    assert read.start - start == len(text) - len(read.text)


@pytest.mark.parametrize("payload", ["", "{", "[]", "7", json.dumps({"run_id": "x"}), "[" * 10_000, "null"])
def test_a_payload_of_somebody_else_is_left_alone(payload: str) -> None:
    assert generation_of(payload) is None
