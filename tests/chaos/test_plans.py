"""Every hot statement and every reading of the console goes by indexes, whatever the size of the tables."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.bulk_operations import BulkOperations
from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import FinishedRun, NodeRow
from scheduler_core.db.lookback import Lookback
from scheduler_core.db.memory_archive import HABIT_PASSES
from scheduler_core.db.metrics import HABITS_READ, Metrics
from scheduler_core.db.notify import ChangeFeed
from scheduler_core.db.operations import Operations
from scheduler_core.db.operator_log import OperatorLog
from scheduler_core.db.run_watch import RunWatch
from scheduler_core.db.statement import statement
from scheduler_core.domain import EventLevel, JobFilter, NodeState, RunCursor, RunFilter, RunStatus, Trigger
from scheduler_core.job_settings import BulkAction, JobSettings
from scheduler_core.jobs.cron_slot import place_cron

BIG = ("scheduled_jobs", "job_runs", "job_run_events", "operator_actions")
TABLES = (*BIG, "scheduler_nodes")
TYPES = ("kind0", "kind1", "kind2", "kind3", "kind4")
LIMITS: Mapping[str, int | None] = dict.fromkeys(TYPES[1:]) | {"kind0": 3}
MOST_PAGES = 40_000
MOST_MILLISECONDS = 100.0
# What only few have and no index holds is found by reading from the newest on, and what sums up very many
# reads them, up to a bound.
BY_READING_ALONG = (
    "find_jobs",
    "count_jobs",
    "jobs of a bot",
    "jobs that failed",
    "runs of bots",
    "runs of bots, next page",
    "brief of all the time",
)
READING_ALONG_MILLISECONDS = 2_000.0
NOWHERE = Address.parse("postgresql:///nowhere")
NODE = UUID(int=1)
DEAD = UUID(int=2)

FILL = """
    ALTER TABLE scheduled_jobs DISABLE TRIGGER USER;
    ALTER TABLE job_runs DISABLE TRIGGER USER;
    ALTER TABLE job_run_events DISABLE TRIGGER USER;
    INSERT INTO scheduled_jobs (id, job_type, bot_id, interval_minutes, next_run_at, last_run_at, claim_seq)
    SELECT md5('job' || n)::uuid, 'kind' || n % 5, 'bot' || n % 1000, 60,
        now() + make_interval(secs => (n - 200) * 3600.0 / {jobs}), now() - interval '1 hour', {each}
    FROM generate_series(1, {jobs}) AS n;
    INSERT INTO job_runs (
        id, job_id, bot_id, job_type, trigger, claim_seq, status, started_at, finished_at, scheduled_for,
        created_at, available_at, duration_ms, result_json, error_message, reason
    )
    SELECT md5('run' || n || ' ' || seq)::uuid, md5('job' || n)::uuid, 'bot' || n % 1000, 'kind' || n % 5,
        CASE WHEN hash % 5000 = 0 THEN 'manual' ELSE 'schedule' END, seq, status, at, at, at, at, at,
        CASE WHEN hash % 20000 = 0 THEN 3600000 ELSE hash % 1000 END,
        '{{}}', CASE status WHEN 'failed' THEN 'no' END, CASE status WHEN 'skipped' THEN 'unchanged' END
    FROM generate_series(1, {each}) AS seq, generate_series(1, {jobs}) AS n,
        LATERAL (SELECT abs(hashint8(n * {each}::bigint + seq)) AS hash) h,
        LATERAL (
            SELECT now() - make_interval(hours => {each} + 1 - seq, secs => n * 3600.0 / {jobs}) AS at
        ) a,
        LATERAL (SELECT CASE WHEN hash % 1000 = 0 THEN 'failed' WHEN hash % 50 = 1 THEN 'skipped'
            ELSE 'success' END AS status) s;
    -- A hundred wait, a hundred run here, and a hundred were left behind by a dead node.
    INSERT INTO job_runs (job_id, bot_id, job_type, status)
    SELECT id, bot_id, job_type, 'pending' FROM scheduled_jobs ORDER BY next_run_at DESC LIMIT 100;
    INSERT INTO job_runs (job_id, bot_id, job_type, status, node_id, started_at)
    SELECT id, bot_id, job_type, 'running', CASE WHEN place > 100 THEN '{dead}'::uuid ELSE '{node}' END,
        now()
    FROM (
        SELECT *, row_number() OVER (ORDER BY next_run_at DESC) - 100 AS place FROM scheduled_jobs
    ) j WHERE place BETWEEN 1 AND 200;
    INSERT INTO job_run_events (run_id, level, message)
    SELECT id, 'info', 'line ' || n FROM (SELECT id FROM job_runs LIMIT {jobs}) r, generate_series(1, 3) AS n;
    ALTER TABLE scheduled_jobs ENABLE TRIGGER USER;
    ALTER TABLE job_runs ENABLE TRIGGER USER;
    ALTER TABLE job_run_events ENABLE TRIGGER USER;
    INSERT INTO operator_actions (actor, action, object_type, object_id, details)
    SELECT 'ada', CASE n % 3 WHEN 0 THEN 'pause' WHEN 1 THEN 'resume' ELSE 'force_run' END, 'job',
        md5('job' || n)::uuid::text, jsonb_build_object('run', md5('run' || n || ' 1')::uuid)
    FROM generate_series(1, {jobs}) AS n;
    VACUUM ANALYZE scheduled_jobs, job_runs, job_run_events, operator_actions;
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one statement went. `scanned` are big tables that it read whole: no LIMIT ended it."""

    query: str
    scanned: frozenset[str]
    buffers: int
    milliseconds: float
    compared_in_vain: int

    def __str__(self) -> str:
        first = " ".join(self.query.split())[:90]
        return f"{self.milliseconds:.1f} ms, {self.buffers} pages, reads all of {set(self.scanned)}: {first}"


async def fill(url: str, *, jobs: int, each: int) -> None:
    """Makes `jobs` jobs with `each` finished runs each. 200 jobs are due."""
    connection = await asyncpg.connect(url)
    for text in FILL.format(jobs=jobs, each=each, node=NODE, dead=DEAD).split(";\n"):
        if text.strip():
            await connection.execute(text)
    await connection.close()


class Borrowed(Database):
    """One connection inside a transaction that the test takes back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.address = NOWHERE

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._connection

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        async with self._connection.transaction():
            yield self._connection


async def plans(connection: Connection, call: Callable[[], Awaitable[object]]) -> list[Plan]:
    """Calls a method, takes back what it did, and explains what it asked."""
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def note(record: Any) -> None:
        if any(table in record.query for table in TABLES):
            asked.append((record.query, tuple(record.args or ())))

    with connection.query_logger(note):
        # As the readings that want one view of everything do; theirs is then a part of it.
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            await call()
        finally:
            await transaction.rollback()
    # One after the other again, because the later ones find what the earlier ones wrote.
    transaction = connection.transaction()
    await transaction.start()
    try:
        return [await explained(connection, query, values) for query, values in asked]
    finally:
        await transaction.rollback()


async def explained(connection: Connection, query: str, values: tuple[Any, ...]) -> Plan:
    """Runs the statement."""
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *values)
    [plan] = json.loads(text)
    root = plan["Plan"]
    return Plan(
        query=query,
        scanned=frozenset(
            step["Relation Name"]
            for step in unlimited(root)
            if step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG and step["Actual Loops"]
        ),
        buffers=root["Shared Hit Blocks"] + root["Shared Read Blocks"],
        milliseconds=plan["Execution Time"],
        compared_in_vain=sum(
            step.get("Rows Removed by Join Filter", 0) * step["Actual Loops"] for step in steps(root)
        ),
    )


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from steps(child)


def node_row() -> NodeRow:
    return NodeRow(
        id=NODE,
        name="attic",
        state=NodeState.ACTIVE,
        version="0",
        job_types=TYPES,
        lease=600,
        running=0,
        model=None,
    )


async def calls(connection: Connection) -> dict[str, Callable[[], Awaitable[object]]]:
    """What nodes and consoles ask, each with what it looks for."""
    job = await connection.fetchval("SELECT id FROM scheduled_jobs ORDER BY next_run_at OFFSET 300 LIMIT 1")
    run = await connection.fetchval("SELECT id FROM job_runs WHERE job_id = $1 LIMIT 1", job)
    failed = await connection.fetchval("SELECT id FROM job_runs WHERE status = 'failed' LIMIT 1")
    now: datetime = await connection.fetchval("SELECT now()")
    running = "SELECT id FROM job_runs WHERE node_id = $1 AND status = 'running'"
    held = [row["id"] for row in await connection.fetch(running, NODE)]
    database = Borrowed(connection)
    store, history = JobStore(database, node_id=NODE), History(database)
    outcomes = [FinishedRun(id=run_id, status=RunStatus.SUCCESS, result_json="{}") for run_id in held]
    failures = [FinishedRun(id=run_id, status=RunStatus.FAILED, error_message="no") for run_id in held]
    a_run = await history.run(run)
    cursor = RunCursor(now - timedelta(hours=2), uuid4())
    found: dict[str, Callable[[], Awaitable[object]]] = {
        "claim_due": lambda: store.claim_due(
            batch=200, per_bot_types=(), bots=(), direct_types=TYPES[1:], capacity=100
        ),
        "recount_slots": lambda: connection.execute(statement("recount_slots").text),
        "start_pending": lambda: store.start_pending(limits=LIMITS, capacity=50),
        "held_runs": lambda: store.held_runs(known=held),
        "check_runs": lambda: store.check_runs(held),
        "finish_runs": lambda: store.finish_runs(outcomes),
        "rescue_runs": lambda: store.rescue_runs(batch=500),
        "fail_unknown": lambda: store.fail_unknown(grace=60, batch=500),
        "tell_waiting": lambda: store.tell_waiting(held),
        "skip_paused": lambda: store.skip_paused(batch=500),
        "retry_runs": lambda: store.finish_runs(failures, retries=dict.fromkeys(held, 1.0)),
        "heartbeat": lambda: store.heartbeat(node_row()),
        "writable_runs": lambda: store.writable_runs(held),
        "next_due": lambda: store.next_due(looked=1.0),
        "expire_history": lambda: store.expire_history(days=90, batch=500),
        "add_events": lambda: store.add_events([(run, EventLevel.INFO, "a line")] * 100),
        "set_progress": lambda: store.set_progress(dict.fromkeys(held, "half")),
        "run": lambda: history.run(run),
        "runs_by_id": lambda: history.runs_by_id([run, failed]),
        "jobs": history.jobs,
        "find_jobs": lambda: history.find_jobs("kind1:bot6"),
        "count_jobs": history.count_jobs,
        "jobs of a bot": lambda: history.jobs_now(JobFilter(bot_id="bot77*")),
        "jobs that failed": lambda: history.jobs_now(JobFilter(states=frozenset({"failed"}))),
        "job": lambda: history.job(job),
        "find_runs": lambda: history.find_runs(str(run)[:8]),
        "attempts": lambda: history.attempts(a_run),
        "events": lambda: history.events(run),
        "durations": lambda: history.durations(job),
        "claim_cron": lambda: store.claim_cron(place_cron, batch=500, per_bot_types=(), bots=()),
    }
    found |= await overviews(connection, database, now, job)
    found |= await actions(connection, database, job, failed, held)
    for name, wanted in filters(job, now).items():
        found[f"runs {name}"] = lambda wanted=wanted: history.runs(wanted)  # type: ignore[misc]  # a default binds the loop's value
        found[f"runs {name}, next page"] = lambda wanted=wanted: history.runs(wanted, before=cursor)  # type: ignore[misc]  # the same
    return found


async def overviews(
    connection: Connection, database: Database, now: datetime, job: UUID
) -> dict[str, Callable[[], Awaitable[object]]]:
    """What screens sum up."""
    metrics, lookback = Metrics(database), Lookback(database)
    watch = RunWatch(database, ChangeFeed(NOWHERE, "a watch that never runs"))
    since, step = now - timedelta(hours=10), timedelta(minutes=10)
    jobs = [row["id"] for row in await connection.fetch("SELECT id FROM scheduled_jobs LIMIT 1000")]

    def asked(name: str, **values: object) -> Callable[[], Awaitable[object]]:
        sql = statement(name)
        return lambda: connection.fetch(sql.text, *sql.bind(**values))

    return {
        "nodes": History(database).nodes,
        "brief": lambda: lookback.brief(now - timedelta(hours=1)),
        "brief of all the time": lambda: lookback.brief(now - timedelta(days=90)),
        "running": lookback.running_runs,
        "health": lookback.health,
        "chart": lambda: metrics.chart(since=since, step=step, steps=60),
        "chart of a job": lambda: metrics.chart(since=since, step=step, steps=60, job_id=job),
        "charts of jobs": lambda: metrics.charts(jobs, since=since, step=step * 60, steps=1),
        # Read as JSON, which this connection gives as a text.
        "outlook": asked("job_habits", **HABITS_READ),
        "decay's habit": asked("decay_habit", bot="bot77", job_type="kind2", passes=HABIT_PASSES),
        "changes, begin": watch.begin,
        "changes": lambda: watch._look(now),  # its loop never ends
    }


async def actions(
    connection: Connection, database: Database, job: UUID, failed: UUID, held: Sequence[UUID]
) -> dict[str, Callable[[], Awaitable[object]]]:
    """What people do, and the log of it."""
    operations = Operations(database, actor="ada")
    bulk, log = BulkOperations(database, operations), OperatorLog(database, operations, actor="ada")
    jobs = [row["id"] for row in await connection.fetch("SELECT id FROM scheduled_jobs LIMIT 1000")]
    success = await connection.fetchval(
        "SELECT id FROM job_runs WHERE job_id = $1 AND status = 'success' LIMIT 1", job
    )
    pause = await connection.fetchval("SELECT max(id) FROM operator_actions WHERE action = 'resume'")
    seen = JobSettings(interval_minutes=60, cron=None, time_zone="UTC", config_json="{}")
    return {
        "force_run": lambda: operations.force_run(job),
        "pause": lambda: operations.pause(job),
        "edit": lambda: operations.edit(job, replace(seen, interval_minutes=61), seen=seen),
        "retry": lambda: operations.retry(failed),
        "cancel": lambda: operations.cancel(held[0]),
        "undo": lambda: operations.undo(success),
        "bulk fit": lambda: bulk.fit(jobs, BulkAction.FORCE_RUN),
        "bulk pause": lambda: bulk.pause(jobs[:10]),
        "bulk force_run": lambda: bulk.force_run(jobs[:10]),
        "actions": log.actions,
        "actions, next page": lambda: log.actions(before=500),
        "undo_action": lambda: log.undo_action(pause),
    }


def filters(job: UUID, now: datetime) -> dict[str, RunFilter]:
    """What people filter by; a few of a million runs match most of them."""
    return {
        "all": RunFilter(),
        "failed": RunFilter(statuses=frozenset({RunStatus.FAILED})),
        "running": RunFilter(statuses=frozenset({RunStatus.RUNNING})),
        "pending": RunFilter(statuses=frozenset({RunStatus.PENDING})),
        "of a job": RunFilter(job_id=job),
        "failed of a job": RunFilter(job_id=job, statuses=frozenset({RunStatus.FAILED})),
        "of a type": RunFilter(job_type="kind3"),
        "of types": RunFilter(job_type="kind*"),
        "of a bot": RunFilter(bot_id="bot7"),
        "of bots": RunFilter(bot_id="*ot77"),
        "by hand": RunFilter(trigger=Trigger.MANUAL),
        "long": RunFilter(min_duration_ms=1_000_000),
        "of the last hour": RunFilter(since=now - timedelta(hours=2)),
        "failed of the last hour": RunFilter(
            since=now - timedelta(hours=2), statuses=frozenset({RunStatus.FAILED})
        ),
    }


def unlimited(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps, but for those that a LIMIT right above them ends."""
    yield plan
    for inner in plan.get("Plans", ()):
        if plan["Node Type"] != "Limit" or inner["Node Type"] != "Seq Scan":
            yield from unlimited(inner)


async def slow_plans(url: str, *, without_scans: bool = False) -> list[str]:
    """Which statements read a whole big table, or more of it than they may."""
    connection = await asyncpg.connect(url)
    if without_scans:
        # Small tables are best read whole; this shows whether an index could serve.
        await connection.execute("SET enable_seqscan = off")
    bad = []
    for name, call in (await calls(connection)).items():
        found = await plans(connection, call)
        assert found, f"{name} asked nothing"
        for plan in found:
            print(f"{name}: {plan}")
            # How long it takes is asked where the machine does nothing else.
            late = not without_scans and plan.milliseconds > MOST_MILLISECONDS
            if name in BY_READING_ALONG:
                if not without_scans and plan.milliseconds > READING_ALONG_MILLISECONDS:
                    bad.append(f"{name}: {plan}")
            elif plan.scanned or plan.buffers > MOST_PAGES or late:
                bad.append(f"{name}: {plan}")
    await connection.close()
    return bad


async def test_every_statement_has_an_index_to_go_by(database_url: str) -> None:
    await fill(database_url, jobs=2_000, each=5)
    assert await slow_plans(database_url, without_scans=True) == []


async def test_many_outcomes_in_a_young_table_are_not_compared_each_with_each(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    # Nothing has analysed it yet, so the planner guesses how many runs have no end.
    await connection.execute("ALTER TABLE job_runs SET (autovacuum_enabled = false)")
    await connection.execute(
        "INSERT INTO job_runs (job_type, bot_id, status, node_id, started_at, finished_at)"
        " SELECT 'kind', 'bot', CASE WHEN n > 500 THEN 'success' ELSE 'running' END, $1, now(),"
        " CASE WHEN n > 500 THEN now() END FROM generate_series(1, 10000) AS n",
        NODE,
    )
    running = await connection.fetch("SELECT id FROM job_runs WHERE status = 'running'")
    outcomes = [FinishedRun(id=row["id"], status=RunStatus.SUCCESS, result_json="{}") for row in running]
    store = JobStore(Borrowed(connection), node_id=NODE)
    # For the one run it expected, the planner held a hash to be no better; a hair decided.
    await connection.execute("SET enable_hashjoin = off")
    await connection.execute("SET enable_mergejoin = off")
    [finish] = await plans(connection, lambda: store.finish_runs(outcomes))
    assert finish.compared_in_vain <= len(outcomes), finish
    await connection.close()


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(600)
async def test_a_million_runs_of_a_hundred_thousand_jobs_are_read_by_indexes(database_url: str) -> None:
    await fill(database_url, jobs=100_000, each=10)
    assert await slow_plans(database_url) == []
