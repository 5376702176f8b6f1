"""What a brief counts, what runs now, and how the database is."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.lookback import Lookback
from scheduler_core.db.migration import known_revisions
from scheduler_core.db.statement import statement
from scheduler_core.domain import RunStatus

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def lookback(database: Database) -> Lookback:
    return Lookback(database)


async def add_job(database: Database, job_type: str = "memory_decay", **columns: object) -> UUID:
    names = ", ".join(("job_type", "next_run_at", *columns))
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 3))
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            f"INSERT INTO scheduled_jobs ({names}) VALUES ({places}) RETURNING id",
            job_type,
            START + timedelta(days=400),
            *columns.values(),
        )
    return job


async def add_run(
    database: Database, job: UUID, minutes: float, status: str = "success", **columns: object
) -> UUID:
    """A run that started so many minutes after `START`."""
    started = START + timedelta(minutes=minutes)
    given: dict[str, object] = {
        "job_id": job,
        "job_type": "memory_decay",
        "bot_id": "*",
        "status": status,
        "started_at": started,
    }
    if status != "running":
        given |= {"finished_at": started, "duration_ms": 0}
    else:
        given |= {"node_id": uuid4()}
    given |= columns
    places = ", ".join(f"${number}" for number in range(1, len(given) + 1))
    async with database.connection() as connection:
        run: UUID = await connection.fetchval(
            f"INSERT INTO job_runs ({', '.join(given)}) VALUES ({places}) RETURNING id", *given.values()
        )
    return run


async def test_a_brief_counts_what_started_in_its_time_by_outcome(
    database: Database, lookback: Lookback
) -> None:
    job = await add_job(database)
    await add_run(database, job, -1, "failed", error_message="before")
    for minutes in range(5):
        await add_run(database, job, minutes)
    await add_run(database, job, 5, suspicious=["shorter"], coalesced=3)
    failed = await add_run(database, job, 6, "failed", error_message="it broke")
    await add_run(database, job, 7, "skipped", reason="unchanged")
    await add_run(database, job, 8, "skipped", reason="overlap: run x was still running")
    await add_run(database, job, 60, "failed", error_message="after")
    brief = await lookback.brief(START, START + timedelta(minutes=60))
    counted = {status: brief.count(status) for status in RunStatus}
    assert counted == {
        RunStatus.PENDING: 0,
        RunStatus.RUNNING: 0,
        RunStatus.SUCCESS: 6,
        RunStatus.FAILED: 1,
        RunStatus.SKIPPED: 2,
    }
    assert (brief.suspicious, brief.overlapped, brief.missed, brief.undone) == (1, 1, 3, 0)
    assert [run.id for run in brief.failures] == [failed]
    assert [run.suspicious for run in brief.odd] == [("shorter",)]
    assert brief.counted_from == START
    assert not brief.is_calm


async def test_a_dry_run_counts_only_where_it_failed(database: Database, lookback: Lookback) -> None:
    job = await add_job(database)
    for number in range(9):
        await add_run(database, job, number - 100, duration_ms=2_000)
    await add_run(
        database, job, 1, suspicious=["shorter"], duration_ms=9_000, mode="dry_run", trigger="manual"
    )
    await add_run(database, job, 2, "skipped", reason="unchanged", mode="dry_run", trigger="manual")
    failed = await add_run(database, job, 3, "failed", error_message="no", mode="dry_run", trigger="manual")
    brief = await lookback.brief(START, START + timedelta(hours=1))
    assert (brief.total, brief.count(RunStatus.FAILED), brief.suspicious) == (1, 1, 0)
    assert [run.id for run in brief.failures] == [failed]
    assert (brief.odd, brief.slowest) == ((), ())


async def test_an_attempt_that_was_retried_does_not_stand_among_the_failures(
    database: Database, lookback: Lookback
) -> None:
    job = await add_job(database)
    healed = await add_run(database, job, 1, "failed", error_message="x")
    await add_run(database, job, 2, first_run_id=healed, attempt=2, trigger="retry")
    lost = await add_run(database, job, 3, "failed", error_message="x")
    last = await add_run(
        database, job, 4, "failed", error_message="x", first_run_id=lost, attempt=2, trigger="retry"
    )
    brief = await lookback.brief(START, START + timedelta(hours=1))
    assert [run.id for run in brief.failures] == [last]
    assert (brief.count(RunStatus.FAILED), brief.recovered, brief.is_calm) == (3, 1, False)
    healed_only = await lookback.brief(START, START + timedelta(minutes=3))
    assert (healed_only.failures, healed_only.recovered, healed_only.is_calm) == ((), 1, True)


async def test_a_failure_that_waits_for_its_next_attempt_is_listed(
    database: Database, lookback: Lookback
) -> None:
    job = await add_job(database)
    failed = await add_run(database, job, 1, "failed", error_message="x")
    await add_run(database, job, 2, "running", first_run_id=failed, attempt=2, trigger="retry")
    brief = await lookback.brief(START, START + timedelta(hours=1))
    assert [run.id for run in brief.failures] == [failed]
    assert (brief.recovered, brief.is_calm) == (0, False)


async def test_the_slowest_are_measured_against_what_their_job_usually_takes(
    database: Database, lookback: Lookback
) -> None:
    usual, always_long = await add_job(database), await add_job(database)
    for number in range(9):
        await add_run(database, usual, -100 + number, duration_ms=2_000)
        await add_run(database, always_long, -100 + number, duration_ms=60_000)
    await add_run(database, usual, 1, duration_ms=2_100)
    slow = await add_run(database, usual, 2, duration_ms=8_000)
    await add_run(database, always_long, 3, duration_ms=61_000)
    await add_run(database, await add_job(database), 4, duration_ms=90_000)
    brief = await lookback.brief(START, START + timedelta(hours=1))
    assert [(each.run.id, each.p50_ms, each.times) for each in brief.slowest] == [(slow, 2_000, 4.0)]


async def test_what_was_undone_and_what_is_paused_is_told(database: Database, lookback: Lookback) -> None:
    paused = await add_job(database, enabled=False, paused_reason="look first")
    run = await add_run(database, paused, 1)
    undo = await add_run(database, paused, 2, mode="undo", trigger="manual", source_run_id=run)
    brief = await lookback.brief(START, START + timedelta(hours=1))
    assert brief.undone == 1
    assert [each.id for each in brief.undoings] == [undo]
    assert [(each.id, each.paused_reason) for each in brief.paused] == [(paused, "look first")]


async def test_of_too_many_runs_the_newest_are_counted_and_it_says_from_when(
    database: Database, lookback: Lookback
) -> None:
    job = await add_job(database)
    for minutes in range(10):
        await add_run(database, job, minutes)
    brief = await lookback.brief(START, START + timedelta(hours=1), most=4)
    assert (brief.total, brief.counted_from) == (4, START + timedelta(minutes=6))


async def test_a_quiet_time_is_calm(database: Database, lookback: Lookback) -> None:
    await add_run(database, await add_job(database), 1)
    assert (await lookback.brief(START, START + timedelta(hours=1))).is_calm
    assert (await lookback.brief(datetime.now(UTC))).total == 0


@pytest.mark.parametrize(
    "name", ["brief_counts", "brief_failures", "brief_odd", "brief_undoings", "brief_slowest"]
)
async def test_a_brief_reads_only_its_time(name: str, database: Database) -> None:
    """With a long history behind a short time, no statement scans the table of runs."""
    job = await add_job(database)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id, status, started_at, finished_at, duration_ms)"
            " SELECT $1, 'memory_decay', '*', 'success', $2::timestamptz - n * interval '1 minute',"
            " $2, 1 FROM generate_series(1, 20000) n",
            job,
            START,
        )
        await connection.execute("ANALYZE job_runs")
        sql = statement(name)
        given = {"since": START - timedelta(minutes=30), "until": START, "most": 100_000, "limit": 10}
        values = sql.bind(**{bind: given[bind] for bind in sql.names})
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql.text}", *values))
    assert "Seq Scan on job_runs" not in plan, plan


async def test_what_runs_now_is_read_without_its_history(database: Database, lookback: Lookback) -> None:
    job, other = await add_job(database), await add_job(database)
    await add_run(database, job, 1)
    late = await add_run(database, job, 5, "running")
    early = await add_run(database, other, 4, "running")
    assert [run.id for run in await lookback.running_runs()] == [early, late]


async def test_health_tells_size_connections_and_schema(lookback: Lookback) -> None:
    health = await lookback.health()
    assert health.schema == known_revisions()[-1]
    assert health.version.partition(".")[0].isdigit()
    assert health.size_bytes > 1_000_000
    assert 1 <= health.connections <= health.most_connections
    assert health.waiting == 0
    assert health.started_at < datetime.now(UTC)
    # This one was opened by its address, so nobody said that it is the embedded server.
    assert health.folder is None
