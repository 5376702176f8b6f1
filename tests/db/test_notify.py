"""The change feed on a real server: what wakes it, and how it comes back."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import pytest

from scheduler_core.db import notify
from scheduler_core.db.connect import Address, connect
from scheduler_core.db.database import Database
from scheduler_core.db.embedded.account import server_account
from scheduler_core.db.embedded.binaries import postgres_binary
from scheduler_core.db.embedded.server import embedded_server
from scheduler_core.db.migration import migrate, require_schema
from scheduler_core.db.notify import CHANGE_KINDS, WAKE_CHANNEL, WAKE_KINDS, ChangeFeed
from scheduler_core.errors import DatabaseError, DatabaseUnreachableError
from tests.postgres import reachable_directory

PATIENCE = 10.0


@asynccontextmanager
async def listening(feed: ChangeFeed) -> AsyncIterator[None]:
    """The feed runs while inside."""
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def heard(hints: AsyncIterator[frozenset[str]]) -> frozenset[str]:
    async with asyncio.timeout(PATIENCE):
        return await anext(hints)


@pytest.fixture
def feed(database_url: str) -> ChangeFeed:
    return ChangeFeed(Address.parse(database_url), "tests listen")


@pytest.fixture
async def psql(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A plain client that knows nothing of us."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO scheduled_jobs (job_type, interval_minutes, next_run_at)"
        " VALUES ('x', 60, now() + interval '1 hour')"
    )
    yield connection
    await connection.close()


async def backend(psql: "asyncpg.Connection[asyncpg.Record]") -> int:
    """The process of the server that serves the feed."""
    pid: int = await psql.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = 'tests listen'")
    return pid


@contextmanager
def logged(words: str) -> Iterator[asyncio.Event]:
    """An event that is set once the feed logs these words."""
    event = asyncio.Event()

    class Notice(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if words in record.getMessage():
                event.set()

    handler = Notice()
    notify.log.addHandler(handler)
    try:
        yield event
    finally:
        notify.log.removeHandler(handler)


async def test_connecting_tells_every_kind(feed: ChangeFeed) -> None:
    hints = feed.subscribe(debounce=0)
    assert not feed.state.connected
    async with listening(feed):
        assert await heard(hints) == CHANGE_KINDS
        state = feed.state
        assert (state.connected, state.retry_at, state.retry_in, state.error) == (True, None, None, None)
        assert 0 <= time.monotonic() - state.since < PATIENCE


async def test_an_update_by_hand_is_heard_by_everybody(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first, second = feed.subscribe(debounce=0), feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(first)
        await heard(second)
        await psql.execute("UPDATE scheduled_jobs SET next_run_at = NOW() - INTERVAL '1 minute'")
        assert await heard(first) == await heard(second) == {"jobs"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("INSERT INTO job_runs (job_type, bot_id) VALUES ('x', 'b')", "runs"),
        ("DELETE FROM scheduled_jobs", "jobs"),
        ("INSERT INTO entity_profiles (entity_type, entity_id) VALUES ('user', 'ada')", "profiles"),
        (
            "INSERT INTO scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
            " VALUES (gen_random_uuid(), 'n', 'active', '0', '{}', now())",
            "nodes",
        ),
    ],
)
async def test_each_kind_of_change_names_itself(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]", change: str, kind: str
) -> None:
    hints = feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(hints)
        await psql.execute(change)
        assert await heard(hints) == {kind}


async def test_schedulers_wake_for_what_is_due_sooner_and_for_nothing_else(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    feed = ChangeFeed(Address.parse(database_url), "tests listen", channel=WAKE_CHANNEL, kinds=WAKE_KINDS)
    hints = feed.subscribe(debounce=0)
    async with listening(feed):
        assert await heard(hints) == WAKE_KINDS
        await psql.execute("UPDATE scheduled_jobs SET config_json = '{\"a\": 1}'")
        await psql.execute("UPDATE scheduled_jobs SET next_run_at = next_run_at + interval '1 day'")
        await psql.execute("UPDATE scheduled_jobs SET enabled = false")
        # Hints come in order: had one of the above woken us, it would have come before this one.
        await psql.execute(
            "INSERT INTO job_runs (job_type, bot_id, status, node_id, started_at, cancel_requested_at)"
            " VALUES ('x', 'b', 'running', gen_random_uuid(), now(), now())"
        )
        await psql.execute("UPDATE job_runs SET progress = 'x'")
        assert await heard(hints) == {"cancel"}
        await psql.execute("UPDATE scheduled_jobs SET enabled = true")
        assert await heard(hints) == {"due"}


async def test_payloads_of_others_on_the_channel_are_passed_over(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    hints = feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(hints)
        await psql.execute("SELECT pg_notify('llm_bawt_change', 'weather'), pg_notify('llm_bawt_change', '')")
        await psql.execute("SELECT pg_notify('llm_bawt_change', 'events')")
        assert await heard(hints) == {"events"}


async def test_a_lost_connection_is_opened_again_and_everything_counts_as_changed(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    hints, other = feed.subscribe(debounce=0), feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(hints)
        await heard(other)
        with logged("was closed") as closed:
            before = await backend(psql)
            await psql.execute("SELECT pg_terminate_backend($1)", before)
            async with asyncio.timeout(PATIENCE):
                await closed.wait()
        assert not feed.state.connected
        assert await heard(hints) == await heard(other) == CHANGE_KINDS
        assert feed.state.connected
        assert await backend(psql) != before
        await psql.execute("UPDATE scheduled_jobs SET interval_minutes = 5")
        assert await heard(hints) == {"jobs"}


async def test_a_server_that_went_silent_is_noticed_and_replaced(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "KEEP_ALIVE_SECONDS", 0.05)
    monkeypatch.setattr(notify, "ANSWER_SECONDS", 0.5)
    hints = feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(hints)
        silent = await backend(psql)
        os.kill(silent, signal.SIGSTOP)
        try:
            assert await heard(hints) == CHANGE_KINDS
            assert feed.state.connected
        finally:
            os.kill(silent, signal.SIGCONT)


async def test_an_unreachable_server_is_tried_again_and_the_state_says_when(tmp_path: object) -> None:
    feed = ChangeFeed(Address.parse(f"postgresql:///x?host={tmp_path}"), "tests listen")
    hints = feed.subscribe(debounce=0)
    with logged("Listening stopped") as stopped:
        async with listening(feed), asyncio.timeout(PATIENCE):
            await stopped.wait()
            # The log line comes just before the state is complete, in the same step of the loop.
            state = feed.state
            assert not state.connected
            assert isinstance(state.error, DatabaseUnreachableError)
            assert state.retry_in is not None
            assert 0 <= state.retry_in <= notify.LONGEST_RETRY_SECONDS
            stopped.clear()
            await stopped.wait()
    waiting = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_bug_ends_the_feed_instead_of_being_retried(
    feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("bug")

    monkeypatch.setattr(feed, "_tell", broken)
    with pytest.raises(LookupError):
        async with asyncio.timeout(PATIENCE):
            await feed.run()


async def test_hints_that_come_while_nobody_asks_are_collected_into_one(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    slow, quick = feed.subscribe(debounce=0.3), feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(slow)
        await heard(quick)
        for _ in range(50):
            await psql.execute("UPDATE scheduled_jobs SET interval_minutes = interval_minutes + 1")
        await psql.execute("INSERT INTO job_runs (job_type, bot_id) VALUES ('x', 'b')")
        seen: set[str] = set()
        while "runs" not in seen:
            seen |= await heard(quick)
        asked = time.monotonic()
        assert await heard(slow) == {"jobs", "runs"}
        assert time.monotonic() - asked >= 0.29


async def test_hints_count_from_the_call_on_and_a_late_subscriber_may_have_missed_anything(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    early = feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(early)
        late = feed.subscribe(debounce=0)
        await psql.execute("UPDATE scheduled_jobs SET interval_minutes = 5")
        assert await heard(early) == {"jobs"}
        assert await heard(late) == CHANGE_KINDS


async def test_whoever_left_or_never_came_is_forgotten(feed: ChangeFeed) -> None:
    never, left = feed.subscribe(debounce=0), feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(left)
        assert len(feed._subscribers) == 2
        await left.aclose()
        del never
        gc.collect()
        assert len(feed._subscribers) == 0


async def test_a_stopped_feed_leaves_no_connection_behind(
    feed: ChangeFeed, psql: "asyncpg.Connection[asyncpg.Record]", database: Database
) -> None:
    hints = feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(hints)
        pid = await backend(psql)
    async with asyncio.timeout(PATIENCE):
        while await psql.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid):
            await psql.execute("SELECT pg_stat_clear_snapshot()")


@asynccontextmanager
async def standby() -> AsyncIterator[Address]:
    """A server in recovery with the schema, which waits for what another one would send it."""
    with reachable_directory() as directory:
        async with embedded_server(directory / "data", settings={"wal_level": "replica"}) as server:
            url = server.url
            database = Database.open(Address.parse(url), pool_size=2, application="tests")
            await migrate(database)
            await database.aclose()
        cluster = directory / "data" / "postgres" / "cluster"
        (cluster / "standby.signal").touch(mode=0o644)
        (cluster / "pg_hba.conf").write_text("local all all trust\n")
        command = [str(postgres_binary("postgres")), "-D", str(cluster), "-c", "listen_addresses="]
        command += ["-c", f"unix_socket_directories={cluster}"]
        account = server_account(directory / "data")
        process = await asyncio.create_subprocess_exec(
            *command, cwd="/", stderr=asyncio.subprocess.DEVNULL, **account.spawn
        )
        try:
            address = Address.parse(url.partition("?")[0] + f"?host={cluster}")
            await answers(address)
            yield address
        finally:
            process.terminate()
            await process.wait()


async def answers(address: Address) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(DatabaseError):
                (await connect(address, application="tests")).terminate()
                return
            await asyncio.sleep(0.05)


async def test_a_standby_that_passes_nothing_on_is_looked_at_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notify, "LOOK_SECONDS", 0.05)
    async with standby() as address:
        database = Database.open(address, pool_size=2, application="tests", read_only=True)
        await require_schema(database)
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT pg_is_in_recovery()")
        feed = ChangeFeed(address, "tests")
        async with listening(feed):
            hints = feed.subscribe(debounce=0.0)
            assert [await heard(hints) for _ in range(3)] == [CHANGE_KINDS] * 3
            assert feed.state.connected
        await database.aclose()
