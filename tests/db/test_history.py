"""Reading jobs and runs: filters, pages that lose nothing, and what stands beside a job."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.job_store import JobStore
from scheduler_core.domain import (
    EventLevel,
    JobFilter,
    NodeState,
    Outcome,
    Run,
    RunCursor,
    RunFilter,
    RunMode,
    RunStatus,
    Trigger,
)
from scheduler_core.errors import NotFoundError

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


async def add_job(
    database: Database,
    job_type: str = "x",
    *,
    bot: str = "*",
    due: str = "1 hour",
    job_id: UUID | None = None,
) -> UUID:
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            "INSERT INTO scheduled_jobs (id, job_type, bot_id, interval_minutes, next_run_at)"
            " VALUES ($1, $2, $3, 60, now() + $4::text::interval) RETURNING id",
            job_id or uuid4(),
            job_type,
            bot,
            due,
        )
    return job


async def add_run(
    database: Database,
    status: RunStatus = RunStatus.SUCCESS,
    *,
    run_id: UUID | None = None,
    job: UUID | None = None,
    job_type: str = "x",
    bot: str = "b",
    at: datetime | None = START,
    duration: int | None = 1000,
    trigger: Trigger = Trigger.SCHEDULE,
    suspicious: Sequence[str] = (),
    attempt: int = 1,
    first: UUID | None = None,
    mode: RunMode = RunMode.RUN,
) -> UUID:
    """One row of history; a waiting run has no start, and a finished one has an end."""
    started = None if status is RunStatus.PENDING else at
    finished = None if started is None or status is RunStatus.RUNNING else started
    async with database.connection() as connection:
        run: UUID = await connection.fetchval(
            "INSERT INTO job_runs (id, job_id, job_type, bot_id, status, started_at, finished_at,"
            " duration_ms, trigger, suspicious, attempt, first_run_id, reason, node_id, mode, source_run_id)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'why', gen_random_uuid(),"
            " $13, $14)"
            " RETURNING id",
            run_id or uuid4(),
            job,
            job_type,
            bot,
            str(status),
            started,
            finished,
            duration if finished else None,
            str(trigger),
            list(suspicious),
            attempt,
            first,
            str(mode),
            uuid4() if mode in (RunMode.APPLY, RunMode.UNDO) else None,
        )
    return run


async def pages(history: History, wanted: RunFilter, *, size: int) -> list[list[Run]]:
    """All pages, the way a screen asks for them."""
    found: list[list[Run]] = []
    cursor: RunCursor | None = None
    while page := await history.runs(wanted, before=cursor, limit=size):
        assert len(page) <= size
        found.append(page)
        cursor = RunCursor(page[-1].started_at, page[-1].id)
    return found


async def ids(history: History, wanted: RunFilter) -> set[UUID]:
    return {run.id for run in await history.runs(wanted)}


async def add_many(database: Database, seed: int) -> None:
    """Runs of few different starts, so that pages break among equal ones, and some that wait or run."""
    dice = random.Random(seed)
    for _ in range(60):
        status = dice.choice(list(RunStatus))
        await add_run(
            database,
            status,
            run_id=UUID(int=dice.getrandbits(128)),
            at=START + timedelta(microseconds=dice.randrange(4)),
            bot=dice.choice("ab"),
            job_type=dice.choice(["x", "y"]),
        )


@pytest.mark.parametrize("seed", range(3))
async def test_pages_of_any_size_hold_every_run_once_and_in_order(
    database: Database, history: History, seed: int
) -> None:
    await add_many(database, seed)
    everything = await history.runs(limit=1000)
    assert len({run.id for run in everything}) == 60
    far = datetime.max.replace(tzinfo=UTC)
    order = [(run.started_at or far, run.id) for run in everything]
    assert order == sorted(order, reverse=True)
    assert any(run.started_at is None for run in everything)
    for size in (1, 2, 3, 7, 59, 60, 61):
        assert [run for page in await pages(history, RunFilter(), size=size) for run in page] == everything


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(statuses=frozenset({RunStatus.PENDING, RunStatus.FAILED})),
        RunFilter(bot_id="a", job_type="*"),
        RunFilter(since=START + timedelta(microseconds=2)),
        RunFilter(min_duration_ms=1),
    ],
)
async def test_pages_of_a_filter_hold_what_the_filter_alone_holds(
    database: Database, history: History, wanted: RunFilter
) -> None:
    await add_many(database, 7)
    everything = await history.runs(wanted, limit=1000)
    assert 5 < len(everything) < 60
    assert [run for page in await pages(history, wanted, size=4) for run in page] == everything


async def test_runs_that_did_not_change_are_the_same_values_when_the_first_page_is_read_again(
    database: Database, history: History
) -> None:
    job = await add_job(database)
    await add_run(database, job=job)
    running = await add_run(database, RunStatus.RUNNING, job=job, at=START + timedelta(seconds=1))
    first = await history.runs()
    async with database.connection() as connection:
        await connection.execute("UPDATE job_runs SET progress = 'half' WHERE id = $1", running)
    again = await history.runs()
    assert [run.progress for run in again] == ["half", None]
    assert again[1] is first[1]
    assert again == await History(database).runs()


async def test_a_page_is_stable_while_newer_runs_arrive(database: Database, history: History) -> None:
    for second in range(6):
        await add_run(database, at=START + timedelta(seconds=second))
    first, rest = (await history.runs(limit=2)), (await history.runs())[2:]
    await add_run(database, RunStatus.PENDING)
    await add_run(database, at=START + timedelta(seconds=99))
    assert await history.runs(before=RunCursor(first[-1].started_at, first[-1].id)) == rest


async def test_each_filter_finds_its_runs_and_no_others(database: Database, history: History) -> None:
    job = await add_job(database)
    waiting = await add_run(database, RunStatus.PENDING, trigger=Trigger.MANUAL)
    running = await add_run(database, RunStatus.RUNNING, at=START + timedelta(hours=2))
    old = await add_run(database, RunStatus.FAILED, job=job, bot="nova", duration=5)
    skipped = await add_run(
        database, RunStatus.SKIPPED, job_type="memory_decay", at=START + timedelta(hours=1)
    )
    retried = await add_run(database, trigger=Trigger.RETRY, duration=90_000)
    everything = {waiting, running, old, skipped, retried}
    expected = {
        RunFilter(): everything,
        RunFilter(statuses=frozenset({RunStatus.FAILED, RunStatus.SKIPPED})): {old, skipped},
        RunFilter(job_id=job): {old},
        RunFilter(job_id=uuid4()): set(),
        RunFilter(job_type="memory_decay"): {skipped},
        RunFilter(job_type="memory*"): {skipped},
        RunFilter(job_type="memory"): set(),
        RunFilter(job_type="*"): everything,
        RunFilter(bot_id="nova"): {old},
        RunFilter(bot_id="n*a"): {old},
        RunFilter(bot_id="NOVA"): set(),
        RunFilter(trigger=Trigger.RETRY): {retried},
        RunFilter(since=START + timedelta(hours=1)): {waiting, running, skipped},
        RunFilter(min_duration_ms=5): {old, skipped, retried},
        RunFilter(min_duration_ms=90_000): {retried},
        RunFilter(min_duration_ms=90_001): set(),
        RunFilter(trigger=Trigger.SCHEDULE, since=START, bot_id="*o*"): {old},
    }
    for wanted, runs in expected.items():
        assert await ids(history, wanted) == runs, wanted


@pytest.mark.parametrize("name", ["a_b", "a%b", "a\\b", "50%", "\\", "%", "_", "a'b", "日本", "a[b]", "a\\%"])
async def test_only_the_star_is_special_in_a_pattern(database: Database, history: History, name: str) -> None:
    this = await add_run(database, bot=name)
    for other in ("axb", "ab", "a\\\\b", "x", "500", ""):
        await add_run(database, bot=other)
    assert await ids(history, RunFilter(bot_id=name)) == {this}
    assert this in await ids(history, RunFilter(bot_id=f"{name[0]}*"))
    assert this in await ids(history, RunFilter(bot_id=f"*{name[-1]}"))


async def test_runs_are_found_by_the_first_characters_of_their_id(
    database: Database, history: History
) -> None:
    low = await add_run(database, run_id=UUID("abcd0000-0000-0000-0000-000000000000"))
    high = await add_run(database, run_id=UUID("abcdffff-ffff-ffff-ffff-ffffffffffff"))
    await add_run(database, run_id=UUID("abce0000-0000-0000-0000-000000000000"))
    await add_run(database, run_id=UUID("abccffff-ffff-ffff-ffff-ffffffffffff"))

    async def found(prefix: str) -> list[UUID]:
        return [run.id for run in await history.find_runs(prefix)]

    assert await found("abcd") == await found("ABCD") == [low, high]
    assert await found("abcdf") == await found(str(high)) == await found(high.hex) == [high]
    assert await found("abcd0000-0") == [low]
    for nothing in (
        "abc",
        "",
        "xyzw",
        "abcg",
        "%%%%",
        "____",
        f"{high}0",
        "abcd\0",
        "\udcff\udcff\udcff\udcff",
    ):
        assert await found(nothing) == []


async def test_at_most_ten_runs_are_offered_for_a_prefix(database: Database, history: History) -> None:
    for number in range(12):
        await add_run(database, run_id=UUID(f"abcd{number:028x}"))
    assert len(await history.find_runs("abcd")) == 10


async def test_jobs_are_found_by_type_by_bot_and_by_id(database: Database, history: History) -> None:
    one = await add_job(
        database, "memory_decay", bot="nova", job_id=UUID("abcd0000-0000-0000-0000-000000000000")
    )
    two = await add_job(database, "memory_decay", job_id=UUID("abcdf000-0000-0000-0000-000000000000"))
    await add_job(database, "profile_maintenance", job_id=UUID("00000000-0000-0000-0000-00000000abcd"))

    async def found(name: str) -> set[UUID]:
        return {job.id for job in await history.find_jobs(name)}

    assert await found("memory_decay") == await found("MEMORY_DECAY") == {one, two}
    assert await found("memory_decay:nova") == {one}
    assert await found("memory_decay:*") == {two}
    assert await found("ABCD") == {one, two}
    assert await found("abcdf") == await found(str(two)) == {two}
    for nothing in ("abc", "", "memory", "memory_decay:mira", ":nova", "%", "memory%"):
        assert await found(nothing) == set()


async def test_text_that_cannot_be_stored_names_no_job(database: Database, history: History) -> None:
    await add_job(database)
    for name in ("x\0", "\udcff", "x:\0"):
        assert await history.find_jobs(name) == []
        assert await history.runs(RunFilter(job_type=name, bot_id=name)) == []


async def test_what_does_not_exist_is_said_to_be_missing(history: History) -> None:
    with pytest.raises(NotFoundError):
        await history.job(uuid4())
    with pytest.raises(NotFoundError):
        await history.run(uuid4())


async def test_runs_by_id_keep_the_order_asked_for(database: Database, history: History) -> None:
    first, second = await add_run(database), await add_run(database)
    found = await history.runs_by_id([second, uuid4(), first])
    assert [run.id for run in found] == [second, first]
    assert found[1] == await history.run(first)
    assert await history.runs_by_id([]) == []


async def test_all_attempts_are_found_from_any_of_them(database: Database, history: History) -> None:
    first = await add_run(database, RunStatus.FAILED)
    third = await add_run(database, attempt=3, first=first, trigger=Trigger.RETRY)
    second = await add_run(database, RunStatus.FAILED, attempt=2, first=first, trigger=Trigger.RETRY)
    await add_run(database)
    for run_id in (first, second, third):
        attempts = await history.attempts(await history.run(run_id))
        assert [run.id for run in attempts] == [first, second, third]


async def test_log_lines_are_read_on_from_the_last_one_seen(database: Database, history: History) -> None:
    run, other = await add_run(database), await add_run(database)
    store = JobStore(database, node_id=uuid4())
    await store.add_events([(run, EventLevel.INFO, "a"), (other, EventLevel.INFO, "-")])
    await store.add_events([(run, EventLevel.WARNING, "b"), (run, EventLevel.ERROR, "c")])
    first = await history.events(run, limit=2)
    assert [(event.level, event.message) for event in first] == [
        (EventLevel.INFO, "a"),
        (EventLevel.WARNING, "b"),
    ]
    assert [event.message for event in await history.events(run, after=first[-1].id)] == ["c"]
    assert await history.events(uuid4()) == []


async def test_durations_are_the_latest_of_the_job_oldest_first(database: Database, history: History) -> None:
    job, other = await add_job(database), await add_job(database, bot="other")
    for second in range(5):
        await add_run(database, job=job, at=START + timedelta(seconds=second), duration=second)
    await add_run(database, RunStatus.FAILED, job=job, at=START + timedelta(seconds=9), duration=9)
    await add_run(database, RunStatus.SKIPPED, job=job, at=START + timedelta(seconds=10))
    await add_run(database, RunStatus.RUNNING, job=job, at=START + timedelta(seconds=11))
    await add_run(database, RunStatus.PENDING, job=job)
    await add_run(database, job=other)
    points = await history.durations(job, limit=3)
    assert [(point.duration_ms, point.status) for point in points] == [
        (3, RunStatus.SUCCESS),
        (4, RunStatus.SUCCESS),
        (9, RunStatus.FAILED),
    ]


async def test_a_job_shows_its_current_and_last_run_its_strip_and_its_usual_length(
    database: Database, history: History
) -> None:
    job = await add_job(database)
    for second in range(40):
        await add_run(database, job=job, at=START + timedelta(seconds=second), duration=second)
    await add_run(
        database, job=job, at=START + timedelta(minutes=1), duration=50, suspicious=["much shorter"]
    )
    last = await add_run(database, RunStatus.FAILED, job=job, at=START + timedelta(minutes=2))
    waiting = await add_run(database, RunStatus.PENDING, job=job)
    [overview] = await history.jobs()
    assert overview.current is not None
    assert overview.last is not None
    assert (overview.current.id, overview.last.id) == (waiting, last)
    assert len(overview.strip) == 30
    assert overview.strip[-3:] == (
        Outcome(RunStatus.SUCCESS),
        Outcome(RunStatus.SUCCESS, suspicious=True),
        Outcome(RunStatus.FAILED),
    )
    assert (overview.p50_ms, overview.p95_ms) == (20.0, 38.0)
    assert overview.current == await history.run(waiting)
    assert overview.last == await history.run(last)
    running = await add_run(database, RunStatus.RUNNING, job=job)
    [overview] = await history.jobs()
    assert overview.current is not None
    assert overview.current.id == running


@pytest.mark.parametrize("mode", [RunMode.DRY_RUN, RunMode.APPLY, RunMode.UNDO])
async def test_only_ordinary_runs_say_how_a_job_does(
    database: Database, history: History, mode: RunMode
) -> None:
    job, now = await add_job(database), await history.now()
    failed = await add_run(database, RunStatus.FAILED, job=job, at=now - timedelta(hours=1))
    await add_run(database, job=job, at=now, mode=mode, trigger=Trigger.MANUAL, suspicious=["shorter"])
    failures = JobFilter(states=frozenset({"failed"}))
    for overview in (*await history.jobs(), *await history.jobs_now(failures)):
        assert overview.last is not None
        assert overview.last.id == failed
    assert [each.job.id for each in await history.jobs_now(failures)] == [job]
    [overview] = await history.jobs()
    assert overview.strip == (Outcome(RunStatus.FAILED),)
    assert (overview.share_ok, overview.p50_ms) == (0.0, None)
    assert [point.run_id for point in await history.durations(job)] == [failed]


async def test_a_new_job_has_no_past(database: Database, history: History) -> None:
    await add_job(database)
    [overview] = await history.jobs()
    assert (overview.current, overview.last, overview.strip, overview.p50_ms, overview.p95_ms) == (
        None,
        None,
        (),
        None,
        None,
    )


async def test_jobs_come_next_due_first_paused_ones_last_and_only_enabled_ones_are_late(
    database: Database, history: History
) -> None:
    soon, late, paused = (
        await add_job(database, bot="soon", due="5 minutes"),
        await add_job(database, bot="late", due="-10 minutes"),
        await add_job(database, bot="paused", due="-20 minutes"),
    )
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET enabled = false WHERE id = $1", paused)
    overviews = await history.jobs()
    assert [overview.job.id for overview in overviews] == [late, soon, paused]
    assert [round(overview.lateness / 60) for overview in overviews] == [10, 0, 0]


async def test_a_silent_node_is_called_lost_and_a_stopped_one_is_shown_for_a_day(
    database: Database, history: History
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO scheduler_nodes"
            " (id, name, state, version, job_types, heartbeat_at, lease_expires_at)"
            " SELECT gen_random_uuid(), name, state, '0', '{}', now() + beat, now() + lease FROM (VALUES"
            " ('alive', 'active', interval '0', interval '30 s'),"
            " ('silent', 'active', interval '-1 min', interval '-30 s'),"
            " ('leaving', 'draining', interval '0', interval '30 s'),"
            " ('left', 'stopped', interval '-1 hour', interval '-1 hour'),"
            " ('long gone', 'stopped', interval '-25 hours', interval '-25 hours'))"
            " AS node (name, state, beat, lease)"
        )
    assert {node.name: node.state for node in await history.nodes()} == {
        "alive": NodeState.ACTIVE,
        "silent": NodeState.LOST,
        "leaving": NodeState.DRAINING,
        "left": NodeState.STOPPED,
    }


@pytest.mark.parametrize(
    ("wanted", "before", "found"),
    [
        (RunFilter(), None, 100),
        (RunFilter(), RunCursor(START, UUID(int=5)), 100),
        (RunFilter(statuses=frozenset({RunStatus.RUNNING})), None, 1),
        (RunFilter(statuses=frozenset({RunStatus.FAILED})), None, 0),
        (RunFilter(statuses=frozenset({RunStatus.PENDING, RunStatus.SUCCESS})), None, 100),
    ],
)
async def test_a_page_of_a_long_history_is_read_from_an_index(
    database: Database, history: History, wanted: RunFilter, before: RunCursor | None, found: int
) -> None:
    await add_run(database, RunStatus.RUNNING, at=START - timedelta(hours=9))
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (job_type, bot_id, status, started_at, finished_at, duration_ms)"
            " SELECT 'x', 'b', 'success', $1::timestamptz - n * interval '1 s', now(), 1"
            " FROM generate_series(1, 20000) n",
            START,
        )
        await connection.execute("ANALYZE job_runs")
        await connection.execute("SELECT pg_stat_reset()")
    assert len(await history.runs(wanted, before=before, limit=100)) == found
    async with database.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        row = await connection.fetchrow(
            "SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'job_runs'"
        )
    assert row is not None
    assert row["seq_scan"] == 0
    assert row["idx_tup_fetch"] <= 102
