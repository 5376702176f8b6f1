"""The log of a run on a real database: a hundred thousand lines, read from where a person stands."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from uuid import UUID, uuid4

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.log_window import MOST_LINES, LogWindow
from bawt_console.screens.run import RunScreen
from bawt_console.source import ATTACHED, Source, open_source
from bawt_console.widgets.log_pane import LogPane
from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.run_log import RunLog
from scheduler_core.domain import EventLevel
from tests.console.believable import World
from tests.console.fake_logs import FakeLogs
from tests.console.fakes import FakeSource
from tests.console.pilots import MEDIUM, NARROW, opened, picture, run_of, toasts, until

MANY = 100_000


async def add_run(psql: Connection) -> UUID:
    run_id = uuid4()
    await psql.execute(
        "INSERT INTO job_runs (id, bot_id, job_type, status, started_at, node_id)"
        " VALUES ($1, 'nova', 'profile_maintenance', 'running', now(), gen_random_uuid())",
        run_id,
    )
    return run_id


async def add_lines(psql: Connection, run_id: UUID, first: int, last: int) -> None:
    """Every tenth one is a warning, every 25,000th an error."""
    await psql.execute(
        "INSERT INTO job_run_events (run_id, level, message)"
        " SELECT $1, CASE WHEN n % 25000 = 0 THEN 'error' WHEN n % 10 = 0 THEN 'warning' ELSE 'info' END,"
        " 'line ' || n || ' looked at' FROM generate_series($2::int, $3::int) n",
        run_id,
        first,
        last,
    )


@asynccontextmanager
async def log_of(
    database_url: str, run_id: UUID, size: tuple[int, int] = MEDIUM
) -> AsyncIterator[tuple["Pilot[int]", LogPane]]:
    """A console whose run screen shows the log."""

    @asynccontextmanager
    async def opener() -> AsyncIterator[Source]:
        async with open_source(Address.parse(database_url), actor="tester", mode=ATTACHED) as source:
            yield source

    app = ConsoleApp(opener, zone=UTC, tick=None)
    async with opened(app, size) as pilot:
        assert app.desk.source is not None
        await app.push_screen(RunScreen(app.desk, await app.desk.source.run(run_id), pane="Log"))
        pane = run_of(app).log_pane
        await until(pilot, lambda: run_of(app).is_idle, "the log")
        await pilot.pause()
        yield pilot, pane


def app_of(pilot: "Pilot[int]") -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


async def settled(pilot: "Pilot[int]") -> None:
    screen = pilot.app.screen
    assert isinstance(screen, RunScreen)
    await pilot.pause()
    await until(pilot, lambda: screen.is_idle, "the log")
    await pilot.pause()


@asynccontextmanager
async def longest_stall() -> AsyncIterator[list[float]]:
    """How long the event loop did not come round, in seconds."""
    stalls = [0.0]

    async def beat() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            stalls[0] = max(stalls[0], now - last)
            last = now

    beating = asyncio.create_task(beat())
    yield stalls
    beating.cancel()


async def test_a_hundred_thousand_lines_open_at_their_end_and_only_a_page_is_held(
    database_url: str, psql: Connection
) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, MANY)
    async with log_of(database_url, run_id) as (pilot, pane):
        await until(pilot, lambda: "line 100000 looked at" in picture(pilot.app), "the last line")
        assert "following 100,000" in picture(pilot.app)
        assert len(pane.lines) <= MOST_LINES


async def test_every_line_can_be_reached_by_scrolling(database_url: str, psql: Connection) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, 3_000)
    async with log_of(database_url, run_id, NARROW) as (pilot, pane):
        seen: set[int] = set()

        def look() -> None:
            for y in range(pane.size.height):
                words = pane.render_line(y).text.split()
                if "line" in words:
                    seen.add(int(words[words.index("line") + 1]))

        look()
        for _ in range(1000):
            if 1 in seen:
                break
            await pilot.press("pageup")
            await until(pilot, lambda: run_of(app_of(pilot)).is_idle, "the lines above")
            look()
            assert len(pane.lines) <= MOST_LINES
        assert seen == set(range(1, 3_001))
        await pilot.press("end")
        await until(pilot, lambda: "line 3000 " in picture(pilot.app), "the end")
        assert pane.follows


async def test_home_shows_the_first_line_and_says_where_it_is(database_url: str, psql: Connection) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, MANY)
    async with log_of(database_url, run_id) as (pilot, pane):
        await pilot.press("home")
        await until(pilot, lambda: "line 1 looked at" in picture(pilot.app), "the first line")
        await settled(pilot)
        assert f"line {pane.size.height} of 100,000" in picture(pilot.app)
        assert not pane.follows


async def test_new_lines_come_into_view_until_f_holds_them_back(database_url: str, psql: Connection) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, 300)
    async with log_of(database_url, run_id) as (pilot, pane):
        await until(pilot, lambda: not app_of(pilot).desk.stale, "the LISTEN connection")
        await add_lines(psql, run_id, 301, 310)
        await until(pilot, lambda: "line 310 " in picture(pilot.app), "the new lines")
        await pilot.press("f")
        before = [pane.render_line(y).text for y in range(pane.size.height)]
        await add_lines(psql, run_id, 311, 320)
        await until(pilot, lambda: "of 320" in picture(pilot.app), "the new count")
        assert [pane.render_line(y).text for y in range(pane.size.height)] == before
        await pilot.press("f")
        await until(pilot, lambda: "line 320 " in picture(pilot.app), "the end again")
        assert pane.follows


async def test_a_burst_of_many_pages_is_followed_to_its_end_at_once(
    database_url: str, psql: Connection
) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, 10)
    async with log_of(database_url, run_id) as (pilot, pane):
        await until(pilot, lambda: not app_of(pilot).desk.stale, "the LISTEN connection")
        await add_lines(psql, run_id, 11, MANY)
        await until(pilot, lambda: "line 100000 " in picture(pilot.app), "the last line")
        assert pane.follows
        assert len(pane.lines) <= MOST_LINES


async def test_a_search_goes_up_and_down_and_counts(database_url: str, psql: Connection) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, MANY)
    async with log_of(database_url, run_id) as (pilot, _):
        await pilot.press("slash", *"LINE 4321", "enter")
        # Nothing below the end, so the nearest one above: 43219.
        await until(pilot, lambda: "/LINE 4321 11 of 11" in picture(pilot.app), "the match")
        assert "line 43219 looked at" in picture(pilot.app)
        await pilot.press("N")
        await until(pilot, lambda: "10 of 11" in picture(pilot.app), "the match before")
        assert "line 43218 looked at" in picture(pilot.app)
        await pilot.press("n", "n")
        await until(pilot, lambda: any("No line holds" in each for each in toasts(app_of(pilot))), "a word")
        await pilot.press("slash", *"no such words", "enter")
        await until(pilot, lambda: any("no such words" in each for each in toasts(app_of(pilot))), "a word")


async def test_levels_leave_out_what_matters_less_and_come_round(database_url: str, psql: Connection) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, MANY)
    async with log_of(database_url, run_id) as (pilot, pane):
        counts = []
        for words in ("info and worse", "warn and worse", "error", ""):
            await pilot.press("l")
            await settled(pilot)
            counts.append(pane._window.extent.lines)
            assert words in picture(pilot.app)
        assert counts == [MANY, MANY // 10, MANY // 25_000, MANY]
        assert pane.follows


async def test_long_lines_wrap_or_are_cut(database_url: str, psql: Connection) -> None:
    run_id = await add_run(psql)
    await psql.execute(
        "INSERT INTO job_run_events (run_id, level, message) VALUES ($1, 'info', $2)", run_id, "words " * 60
    )
    async with log_of(database_url, run_id, NARROW) as (pilot, pane):
        assert pane.virtual_size.height > 3
        await pilot.press("w")
        await settled(pilot)
        assert pane.virtual_size.height == 1
        assert "…" in picture(pilot.app)
        assert "cut" in picture(pilot.app)


async def test_copying_takes_the_whole_log_and_not_the_part_in_memory(
    database_url: str, psql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, 9_000)
    async with log_of(database_url, run_id) as (pilot, pane):
        source = app_of(pilot).desk.source
        assert source is not None
        text = await pane.text(source.logs)
        assert len(text.splitlines()) == 9_000
        monkeypatch.setattr("bawt_console.terminal.clipboard_tool", lambda: None)
        await pilot.press("c")
        await until(
            pilot, lambda: any("Copied" in each and " to /" in each for each in toasts(app_of(pilot))), "it"
        )


async def test_no_key_stalls_the_loop_in_a_hundred_thousand_lines(
    database_url: str, psql: Connection
) -> None:
    """A bound that only a mistake in kind breaks; `benchmarks/console` measures."""
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, MANY)
    async with log_of(database_url, run_id) as (pilot, _):
        async with longest_stall() as stalls:
            for key in ("pageup", "home", "pagedown", "l", "l", "w", "w", "end", "f"):
                await pilot.press(key)
                await settled(pilot)
        assert stalls[0] < 1.0


async def test_the_window_never_has_a_gap_whatever_way_it_is_moved(
    database: Database, psql: Connection
) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, 6_000)
    pages, window = RunLog(database), LogWindow()
    await window.to_end(pages, run_id)
    ids = [event.id for event in await History(database).events(run_id, limit=10_000)]
    steps: list[Callable[[], Awaitable[None]]] = [
        *[lambda: window.earlier(pages)] * 6,
        *[lambda: window.later(pages)] * 3,
        lambda: window.around(pages, ids[10]),
        *[lambda: window.earlier(pages)] * 2,
        *[lambda: window.later(pages)] * 20,
        lambda: window.to_start(pages),
    ]
    for step in steps:
        await step()
        held = [event.id for event in window.events]
        at = ids.index(held[0])
        assert held == ids[at : at + len(held)]
        assert window.is_start <= (at == 0)
        assert window.is_end <= (held[-1] == ids[-1])


async def test_the_fake_log_answers_as_the_real_one_does(database: Database, psql: Connection) -> None:
    run_id = await add_run(psql)
    await add_lines(psql, run_id, 1, 60)
    events = await History(database).events(run_id)
    world = World(events={run_id: events})
    real, fake = RunLog(database), FakeLogs(FakeSource(world))
    middle = events[30].id
    for least in EventLevel:
        for given in ({}, {"after": middle}, {"before": middle}, {"after": 0}):
            assert await fake.page(run_id, **given, least=least, limit=7) == await real.page(
                run_id, **given, least=least, limit=7
            )
        for given in ({"after": middle}, {"before": middle}):
            for text in ("LINE 3", "line", "%", ""):
                wanted = await real.find(run_id, text, **given, least=least)
                assert await fake.find(run_id, text, **given, least=least) == wanted
        for text in ("", "line 3", "_"):
            assert await fake.extent(run_id, to=middle, text=text, least=least) == await real.extent(
                run_id, to=middle, text=text, least=least
            )
