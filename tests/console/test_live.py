"""On a real database: what somebody else changes shows at once, and what is pressed is stored."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.run_actions import NOBODY_STARTS_IT
from bawt_console.screens.runs import RunsScreen
from bawt_console.source import ATTACHED, Source, open_source
from scheduler_core.db.connect import Address
from scheduler_core.domain import RunFilter
from scheduler_core.errors import DatabaseUnreachableError
from tests.console.believable import World
from tests.console.fakes import FakeSource
from tests.console.pilots import MEDIUM, jobs_of, opened, picture, runs_of, toasts, until

Execute = Callable[..., Awaitable[object]]


@pytest.fixture
def app(database_url: str) -> ConsoleApp:
    address = Address.parse(database_url)
    return ConsoleApp(lambda: open_source(address, actor="tester", mode=ATTACHED), zone=UTC)


async def add_job(psql: "asyncpg.Connection[asyncpg.Record]", job_type: str, bot: str = "*") -> UUID:
    job: UUID = await psql.fetchval(
        "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
        " VALUES ($1, $2, 60, now() + interval '1 hour') RETURNING id",
        job_type,
        bot,
    )
    return job


async def add_running(psql: "asyncpg.Connection[asyncpg.Record]", job: UUID) -> UUID:
    run: UUID = await psql.fetchval(
        "INSERT INTO job_runs (job_id, job_type, bot_id, status, node_id, started_at)"
        " SELECT id, job_type, bot_id, 'running', $2, now() FROM scheduled_jobs WHERE id = $1 RETURNING id",
        job,
        uuid4(),
    )
    return run


async def add_history(psql: "asyncpg.Connection[asyncpg.Record]", job: UUID, number: int) -> None:
    await psql.execute(
        "INSERT INTO job_runs (job_id, job_type, bot_id, status, started_at, finished_at, duration_ms)"
        " SELECT j.id, j.job_type, j.bot_id, CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'success' END,"
        " now() - n * interval '1 minute', now() - n * interval '1 minute', n"
        " FROM scheduled_jobs j, generate_series(1, $2::int) n WHERE j.id = $1",
        job,
        number,
    )


async def shown_within(pilot: object, app: ConsoleApp, words: str, seconds: float) -> None:
    """Fails unless the words are on the screen in time."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await until(pilot, lambda: words in picture(app), words)  # type: ignore[arg-type]
    assert loop.time() - started < seconds


async def test_a_change_by_psql_shows_within_a_second(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await psql.execute("UPDATE scheduled_jobs SET enabled = false, paused_by = 'grace'")
        await shown_within(pilot, app, "by grace", 1)
        await psql.execute("UPDATE scheduled_jobs SET enabled = true")
        await shown_within(pilot, app, "new", 1)
        run = await add_running(psql, job)
        await shown_within(pilot, app, "● running", 1)
        await psql.execute("UPDATE job_runs SET progress = '3 of 7 entities' WHERE id = $1", run)
        await shown_within(pilot, app, "3 of 7 entities", 1)
        await add_job(psql, "memory_decay", "nova")
        await shown_within(pilot, app, "memory_decay", 1)


async def test_a_job_deleted_elsewhere_goes_from_the_screen(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await psql.execute("DELETE FROM scheduled_jobs")
        await until(pilot, lambda: "There are no jobs yet." in picture(app), "the empty state")


async def test_r_stores_a_run_and_its_audit_row(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("R")
        await until(pilot, lambda: bool(toasts(app)), "the toast")
        assert toasts(app) == [f"Added 1 run of profile_maintenance *. {NOBODY_STARTS_IT}"]
        await until(pilot, lambda: "○ pending" in picture(app), "the run")
    assert await psql.fetchval("SELECT trigger FROM job_runs") == "manual"
    assert await psql.fetchval("SELECT actor || ' ' || action FROM operator_actions") == "tester force_run"


async def test_pause_with_a_reason_and_resume_are_stored(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("p", *"look", "enter")
        await until(pilot, lambda: "by tester" in picture(app), "the pause")
        assert await psql.fetchval("SELECT paused_reason FROM scheduled_jobs") == "look"
        await pilot.press("P")
        await until(pilot, lambda: "by tester" not in picture(app), "the resumption")
    assert await psql.fetchval("SELECT enabled FROM scheduled_jobs")


async def test_cancelling_asks_the_node_of_a_running_run(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    await add_running(psql, job)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await pilot.press("y")
        await until(pilot, lambda: bool(toasts(app)), "the toast")
    assert await psql.fetchval("SELECT cancel_requested_by FROM job_runs") == "tester"


async def test_two_consoles_that_pause_one_job_do_not_fight(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("f", "p")
        await psql.execute("UPDATE scheduled_jobs SET enabled = false, paused_by = 'grace'")
        await pilot.press("enter")
        await until(pilot, lambda: bool(toasts(app)), "the toast")
        assert toasts(app)[0].startswith("The job is paused already.")
    assert await psql.fetchval("SELECT paused_by FROM scheduled_jobs") == "grace"


async def test_log_lines_follow_while_a_run_writes_them(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    run = await add_running(psql, job)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("enter", "right", "right", "right")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        for number in range(3):
            await psql.execute(
                "INSERT INTO job_run_events (run_id, level, message) VALUES ($1, 'info', $2)",
                run,
                f"line number {number}",
            )
            await shown_within(pilot, app, f"line number {number}", 1)


async def test_history_is_read_page_by_page(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    await add_history(psql, job, 700)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        assert len(runs_of(app).table.rows) == 300
        for rows in (600, 700):
            await pilot.press("end")
            await until(pilot, lambda rows=rows: len(runs_of(app).table.rows) == rows, "a page")  # type: ignore[misc]
        await pilot.press("home", "slash", *"state:failed", "enter")
        await until(pilot, lambda: len(runs_of(app).table.rows) == 70, "the failed ones")


async def test_a_lost_connection_is_told_and_found_again(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await psql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'bawt-console%' AND datname = current_database()"
        )
        await psql.execute("UPDATE scheduled_jobs SET enabled = false, paused_by = 'grace'")
        await until(pilot, lambda: "by grace" in picture(app), "the change made meanwhile")
        assert "stale" not in picture(app) or app.desk.stale
        await until(pilot, lambda: not app.desk.stale, "the connection")


async def test_an_idle_console_asks_for_no_rows(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_job(psql, "profile_maintenance")
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await until(pilot, lambda: jobs_of(app).is_idle, "what changed while it was made")
        loads = 0
        real = jobs_of(app).load

        async def counting(kinds: frozenset[str], source: Source) -> None:
            nonlocal loads
            loads += 1
            await real(kinds, source)

        jobs_of(app).load = counting  # type: ignore[method-assign]
        ticks = 0
        before = app._tick

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            before()

        app._tick = tick  # type: ignore[method-assign]
        for _ in range(20):
            app._tick()
            await pilot.pause()
        assert (ticks, loads) == (20, 0)


async def test_a_wrong_address_fails_the_start_with_a_sentence() -> None:
    address = Address.parse("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(DatabaseUnreachableError):
        async with open_source(address, actor="tester", mode=ATTACHED):
            pass


async def test_a_read_only_source_is_refused_by_the_database_itself(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    address = Address.parse(database_url)
    async with open_source(address, actor="tester", mode=ATTACHED, read_only=True) as source:
        with pytest.raises(Exception, match="read-only"):
            await source.force_run(job)
        assert len(await source.jobs()) == 1


async def test_the_fake_source_pages_and_filters_as_the_real_one_does(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "profile_maintenance")
    await add_history(psql, job, 25)
    since = datetime.now(UTC) - timedelta(minutes=10)
    async with open_source(Address.parse(database_url), actor="tester", mode=ATTACHED) as real:
        await real.force_run(job)
        everything = await real.runs(RunFilter())
        fake: Source = FakeSource(World(jobs=await real.jobs(), runs=list(reversed(everything))))
        narrowed = (RunFilter(min_duration_ms=12), RunFilter(job_type="profile*"), RunFilter(since=since))
        for wanted in (RunFilter(), *narrowed):
            assert await fake.runs(wanted, limit=10) == await real.runs(wanted, limit=10)


async def test_charts_count_what_others_run(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await psql.execute("DELETE FROM scheduled_jobs")
    job = await add_job(psql, "memory_decay")
    await add_history(psql, job, 100)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "all jobs  100 runs" in picture(app), "the runs")
        assert "90 %" in picture(app)
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await add_running(psql, job)
        await until(pilot, lambda: "all jobs  101 runs" in picture(app), "the new run")
        await pilot.press("down", "w", "m", "left")
        await until(pilot, lambda: "memory_decay *  101 runs" in picture(app), "the runs of the job")


async def test_the_forecast_follows_the_jobs_of_others(
    app: ConsoleApp, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await psql.execute("DELETE FROM scheduled_jobs")
    job = await add_job(psql, "memory_decay", "nova")
    await add_history(psql, job, 20)
    async with opened(app, MEDIUM) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "memory_decay" in picture(app), "the lane")
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await add_job(psql, "profile_maintenance")
        await until(pilot, lambda: "profile_maintenance" in picture(app), "the lane of the new job")
        await psql.execute("UPDATE scheduled_jobs SET enabled = false")
        await until(pilot, lambda: "2 jobs are paused" in picture(app), "the notice")


async def test_the_fake_source_charts_as_the_real_one_does(
    database_url: str, psql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    job = await add_job(psql, "memory_decay")
    await add_history(psql, job, 25)
    since = datetime.now(UTC) - timedelta(minutes=30)
    async with open_source(Address.parse(database_url), actor="tester", mode=ATTACHED) as real:
        fake: Source = FakeSource(World(jobs=await real.jobs(), runs=await real.runs(RunFilter())))
        charts = [
            await each.measures.chart(since=since, step=timedelta(minutes=5), steps=6, job_id=job)
            for each in (real, fake)
        ]
    for ours, theirs in zip(*((chart.whole, *chart.steps) for chart in charts), strict=True):
        assert (ours.success, ours.failed, ours.longest_ms) == (
            theirs.success,
            theirs.failed,
            theirs.longest_ms,
        )
        assert (ours.late_p95, ours.latest) == (theirs.late_p95, theirs.latest)
        for name in ("p50_ms", "p95_ms"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name))
