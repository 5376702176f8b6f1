"""Charts and outlooks from a real server: right numbers, straight from an index, whatever the history."""

import json
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from scheduler_core.db import metrics as module
from scheduler_core.db.database import Database
from scheduler_core.db.metrics import Metrics
from scheduler_core.db.statement import statement
from scheduler_core.domain import RunStatus
from scheduler_core.figures import RunFigures
from scheduler_core.jobs.forecast import predict

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def metrics(database: Database) -> Metrics:
    return Metrics(database)


async def add_job(database: Database, job_type: str = "x", bot: str = "*", **columns: object) -> UUID:
    values = {"job_type": job_type, "bot_id": bot, "interval_minutes": 60, **columns}
    names = ", ".join(values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            f"INSERT INTO scheduled_jobs ({names}) VALUES ({places}) RETURNING id", *values.values()
        )
    return job


async def add_run(
    database: Database,
    at: timedelta | None,
    status: RunStatus = RunStatus.SUCCESS,
    *,
    job: UUID | None = None,
    bot: str = "b",
    duration: int = 1000,
    late: float = 0.0,
    trigger: str = "schedule",
    slot: int | None = None,
    suspicious: tuple[str, ...] = (),
    mode: str = "run",
) -> None:
    started = None if at is None else START + at
    over = status.is_final
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (id, job_id, job_type, bot_id, status, started_at, finished_at,"
            " duration_ms, scheduled_for, trigger, slot, suspicious, reason, node_id, available_at, mode)"
            " VALUES ($1, $2, 'x', $3, $4, $5, $6, $7, $8, $9, $10, $11, 'why', gen_random_uuid(), $12, $13)",
            uuid4(),
            job,
            bot,
            str(status),
            started,
            started if over else None,
            duration if over else None,
            (started or START) - timedelta(seconds=late),
            trigger,
            slot,
            list(suspicious),
            START,
            mode,
        )


async def test_runs_are_counted_in_the_step_they_started_in(database: Database, metrics: Metrics) -> None:
    edges = (-1, 0, 59_999_999, 60_000_000, 119_999_999, 120_000_000)
    for microseconds in edges:
        await add_run(database, timedelta(microseconds=microseconds))
    chart = await metrics.chart(since=START, step=MINUTE, steps=2)
    assert [each.success for each in chart.steps] == [2, 2]
    assert chart.whole.success == 4
    assert (chart.since, chart.until, chart.start_of(1)) == (START, START + 2 * MINUTE, START + MINUTE)


async def test_each_outcome_is_counted_by_itself(database: Database, metrics: Metrics) -> None:
    job = await add_job(database)
    for status in (RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.SKIPPED, RunStatus.RUNNING):
        await add_run(database, timedelta(), status, job=job)
    await add_run(database, timedelta(), job=job, suspicious=("much shorter",))
    await add_run(database, None, RunStatus.PENDING, job=job)
    [step] = (await metrics.chart(since=START, step=MINUTE, steps=1)).steps
    assert (step.success, step.failed, step.skipped, step.running, step.suspicious) == (2, 1, 1, 1, 1)
    assert step.runs == 5
    assert step.success_share == pytest.approx(2 / 3)


async def test_dry_runs_are_in_no_chart_and_no_habit(database: Database, metrics: Metrics) -> None:
    job = await add_job(database)
    await add_run(database, timedelta(), RunStatus.FAILED, job=job)
    for status in (RunStatus.SUCCESS, RunStatus.RUNNING):
        await add_run(database, timedelta(), status, job=job, mode="dry_run", trigger="manual", duration=9)
    of_all = await metrics.chart(since=START, step=MINUTE, steps=1)
    of_job = await metrics.chart(since=START, step=MINUTE, steps=1, job_id=job)
    [of_jobs] = await metrics.charts([job], since=START, step=MINUTE, steps=1)
    for chart in (of_all, of_job, of_jobs):
        assert (chart.whole.runs, chart.whole.failed, chart.whole.success) == (1, 1, 0)
    [habit] = (await metrics.outlook()).habits
    assert habit.p50_ms == 1000


async def test_durations_are_those_of_successes_and_the_longest_of_any(
    database: Database, metrics: Metrics
) -> None:
    lengths = [100, 200, 300, 400, 1000]
    for length in lengths:
        await add_run(database, timedelta(), duration=length)
    await add_run(database, timedelta(), RunStatus.FAILED, duration=9000)
    await add_run(database, timedelta(), RunStatus.SKIPPED, duration=99_000)
    [step] = (await metrics.chart(since=START, step=MINUTE, steps=1)).steps
    assert step.p50_ms == statistics.median(lengths)
    assert step.p95_ms == pytest.approx(statistics.quantiles(lengths, n=20, method="inclusive")[-1])
    assert step.longest_ms == 9000


async def test_only_first_attempts_at_a_slot_can_be_late(database: Database, metrics: Metrics) -> None:
    for late in (1.0, 2.0, 9.0):
        await add_run(database, timedelta(), late=late)
    await add_run(database, timedelta(), late=500, trigger="retry")
    await add_run(database, timedelta(), late=600, trigger="manual")
    await add_run(database, timedelta(), RunStatus.SKIPPED, late=700)
    # The clock of the slot may be a jitter ahead; nobody starts early.
    await add_run(database, timedelta(), late=-3)
    [step] = (await metrics.chart(since=START, step=MINUTE, steps=1)).steps
    assert (step.late_p50, step.latest) == (1.5, 9.0)


async def test_a_chart_of_a_job_leaves_out_the_others_and_one_of_all_keeps_those_without_a_job(
    database: Database, metrics: Metrics
) -> None:
    job, other = await add_job(database), await add_job(database, bot="other")
    for each in (job, job, other, None):
        await add_run(database, timedelta(), job=each)
    assert (await metrics.chart(since=START, step=MINUTE, steps=1)).whole.success == 4
    assert (await metrics.chart(since=START, step=MINUTE, steps=1, job_id=job)).whole.success == 2
    assert (await metrics.chart(since=START, step=MINUTE, steps=1, job_id=uuid4())).whole == RunFigures()


async def test_charts_of_several_jobs_are_those_of_each_in_their_order(
    database: Database, metrics: Metrics
) -> None:
    busy, idle, failing = [await add_job(database, bot=bot) for bot in ("busy", "idle", "failing")]
    for minute in (0, 0, 1):
        await add_run(database, MINUTE * minute, job=busy, duration=100 * (minute + 1), late=minute + 1)
    await add_run(database, MINUTE, RunStatus.FAILED, job=failing)
    wanted = (failing, uuid4(), busy, idle)
    window = {"since": START, "step": MINUTE, "steps": 2}
    charts = await metrics.charts(wanted, **window)  # type: ignore[arg-type]  # each has its own type
    assert charts == [await metrics.chart(job_id=each, **window) for each in wanted]  # type: ignore[arg-type]
    assert [each.job_id for each in charts] == list(wanted)
    assert [each.whole.runs for each in charts] == [1, 0, 3, 0]
    assert [each.success for each in charts[2].steps] == [2, 1]
    assert await metrics.charts([], since=START, step=MINUTE, steps=2) == []


async def test_a_window_without_runs_has_steps_without_figures(metrics: Metrics) -> None:
    chart = await metrics.chart(since=START, step=MINUTE, steps=3)
    assert chart.steps == (RunFigures(),) * 3
    assert chart.whole.success_share is None


@pytest.mark.parametrize(("step", "steps"), [(MINUTE, 0), (MINUTE, 1001), (timedelta(0), 5)])
async def test_a_chart_without_steps_or_length_is_refused(
    metrics: Metrics, step: timedelta, steps: int
) -> None:
    with pytest.raises(ValueError):
        await metrics.chart(since=START, step=step, steps=steps)


async def test_a_step_with_too_many_runs_is_estimated_from_its_newest(
    database: Database, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_READ", 40)
    for second in range(100):
        status = RunStatus.FAILED if second % 4 == 0 else RunStatus.SUCCESS
        await add_run(database, timedelta(seconds=second), status, duration=second)
    await add_run(database, timedelta(seconds=150))
    await add_run(database, timedelta(seconds=1), RunStatus.RUNNING)
    chart = await metrics.chart(since=START, step=timedelta(seconds=100), steps=2)
    full, sparse = chart.steps
    assert chart.estimated
    assert full.runs == pytest.approx(101, abs=6)
    # Few are active, and all of them are read.
    assert full.running == 1
    assert full.failed == pytest.approx(25, abs=3)
    assert full.longest_ms == 99
    assert (sparse.runs, chart.whole.runs) == (1, full.runs + 1)


@pytest.mark.parametrize("of_job", [True, False])
async def test_a_chart_reads_no_more_than_its_window_from_an_index(
    database: Database, metrics: Metrics, of_job: bool
) -> None:
    job = await add_job(database)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id, status, started_at, finished_at, duration_ms)"
            " SELECT CASE WHEN n % 2 = 0 THEN $2::uuid END, 'x', 'b', 'success',"
            " $1::timestamptz - n * interval '1 s', now(), 1 FROM generate_series(1, 50000) n",
            START,
            job,
        )
        await connection.execute("ANALYZE job_runs")
        query = statement("run_steps_of_jobs" if of_job else "run_steps")
        binds = {"since": START - 10 * MINUTE, "length": MINUTE, "steps": 10, "most": 2000}
        values = query.bind(**(binds | {"jobs": [str(job)]} if of_job else binds))
        # The plan for any window, not for this one: what a kept connection uses from the sixth time on.
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        [[plan]] = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {query.text}", *values)
    [found] = plan if isinstance(plan, list) else json.loads(plan)
    scans = list(_scans_of(found["Plan"]))
    assert {scan["Node Type"] for scan in scans} <= {"Index Scan", "Index Only Scan"}, scans
    finished = "job_runs_of_job" if of_job else "job_runs_newest"
    assert {scan["Index Name"] for scan in scans} == {finished, "job_runs_active"}
    assert sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans) == (300 if of_job else 600)
    assert found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"] < 500


def _scans_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    found = [plan] if plan.get("Relation Name") == "job_runs" else []
    inner = plan.get("Plans", [])
    assert isinstance(inner, list)
    return found + [scan for each in inner for scan in _scans_of(each)]


async def test_a_habit_knows_the_bots_and_places_of_runs_that_are_not_over(
    database: Database, metrics: Metrics
) -> None:
    job = await add_job(database)
    await add_run(database, MINUTE, RunStatus.RUNNING, job=job, bot="nova", slot=2)
    await add_run(database, MINUTE, RunStatus.RUNNING, job=job, bot="mira", slot=1)
    [habit] = [each for each in (await metrics.outlook()).habits if each.job.id == job]
    assert (habit.bots, habit.places) == (("mira", "nova"), 2)


async def test_a_habit_knows_no_bot_that_is_gone(database: Database) -> None:
    job = await add_job(database)
    for bot in ("nova", "extra", "forgotten-1f2e3d4c"):
        await add_run(database, MINUTE, job=job, bot=bot)
    gone = await add_job(database, "memory_decay")
    await add_run(database, MINUTE, job=gone, bot="forgotten-1f2e3d4c")
    async with database.connection() as connection:
        await connection.execute("INSERT INTO memories (bot_id, content) VALUES ('nova', 'x')")
    habits = (await Metrics(database, bots=("extra",)).outlook()).habits
    assert {habit.job.id: habit.bots for habit in habits} == {job: ("extra", "nova"), gone: ("*",)}


async def test_an_outlook_knows_how_each_job_went_and_what_runs(database: Database, metrics: Metrics) -> None:
    job = await add_job(database, "profile_maintenance", config_json='{"overlap": "queue"}')
    for number, length in enumerate((1000, 2000, 3000)):
        status = RunStatus.FAILED if number == 2 else RunStatus.SUCCESS
        await add_run(
            database, MINUTE * number, status, job=job, duration=length, slot=number + 1, bot="ab"[number % 2]
        )
    await add_run(database, MINUTE * 3, RunStatus.SKIPPED, job=job, duration=0)
    await add_run(database, MINUTE * 4, RunStatus.RUNNING, job=job)
    await add_run(database, None, RunStatus.PENDING, job=job)
    fresh = await add_job(database, "memory_decay", bot="nova", enabled=False)
    outlook = await metrics.outlook()
    habits = {habit.job.id: habit for habit in outlook.habits}
    known, new = habits[job], habits[fresh]
    assert (known.p50_ms, known.p95_ms, known.places, known.queues) == (2000, 2900, 3, True)
    assert known.bots == ("a", "b")
    assert (new.bots, new.p50_ms, new.places, new.queues) == (("nova",), None, None, False)
    assert [(run.job_id, run.status, run.since) for run in outlook.active] == [
        (job, RunStatus.PENDING, START),
        (job, RunStatus.RUNNING, START + MINUTE * 4),
    ]
    assert abs(outlook.now - datetime.now(UTC)) < timedelta(minutes=5)


async def test_the_forecast_of_a_database_follows_its_schedule(database: Database, metrics: Metrics) -> None:
    for bot, cron in (("nova", None), ("mira", "*/30 * * * *")):
        await add_job(
            database,
            bot=bot,
            cron=cron,
            next_run_at=datetime.now(UTC) + timedelta(minutes=5),
            interval_minutes=30,
        )
    forecast = predict(await metrics.outlook())
    assert [len(lane.runs) for lane in forecast.lanes] == [48, pytest.approx(48, abs=1)]


async def test_an_outlook_counts_the_jobs_that_it_leaves_out(
    database: Database, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bot in ("a", "b", "c"):
        await add_job(database, bot=bot)
    assert predict(await metrics.outlook()).jobs == 3
    monkeypatch.setattr(module, "MOST_JOBS", 2)
    monkeypatch.setitem(module.HABITS_READ, "limit", 2)
    forecast = predict(await metrics.outlook())
    assert (forecast.covered, forecast.jobs, len(forecast.lanes)) == (2, 3, 2)


async def test_an_outlook_on_an_empty_database_is_empty(metrics: Metrics) -> None:
    outlook = await metrics.outlook()
    assert (outlook.habits, outlook.active) == ((), ())


async def test_an_outlook_reads_the_same_little_whatever_the_history(
    database: Database, metrics: Metrics
) -> None:
    job = await add_job(database)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id, status, started_at, finished_at, duration_ms)"
            " SELECT $2, 'x', 'b', 'success', $1::timestamptz - n * interval '1 s', now(), 1"
            " FROM generate_series(1, 50000) n",
            START,
            job,
        )
        await connection.execute("ANALYZE job_runs")
        await connection.execute("SELECT pg_stat_reset()")
    await metrics.outlook()
    async with database.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        row = await connection.fetchrow(
            "SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'job_runs'"
        )
    assert row is not None
    assert row["seq_scan"] == 0
    assert row["idx_tup_fetch"] <= 250
