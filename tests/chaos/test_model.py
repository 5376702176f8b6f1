"""Random histories of jobs, runs and two nodes, on a real server and in a plain model of what is promised."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from scheduler_core.db.audit import audit
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import Claim, FinishedRun, LostRun, NodeRow, StartedRun
from scheduler_core.db.operations import Operations
from scheduler_core.domain import NodeState, RunStatus
from scheduler_core.errors import StateError
from scheduler_core.jobs.cron_slot import place_cron
from tests.chaos.model import (
    AT_ONCE,
    BOTS,
    FAILURES_BEFORE_BACKING_OFF,
    LIMIT,
    MOST_ATTEMPTS,
    ONE_BOT,
    Model,
    ModelJob,
    ModelRun,
)

T = TypeVar("T")

NODES = (0, 1)
LIMITS: dict[str, int | None] = {"each": None, "free": None, "limited": LIMIT}
PER_BOT = ("each",)
# So rare that no slot comes by itself, and the number of missed ones is known.
EVERY_NEW_YEAR = "0 0 1 1 *"
HOUR = 3600.0
LATER = (0.0, HOUR)


class Histories(RuleBasedStateMachine):
    """Does the same to the server and to the model, and compares them after each step."""

    def __init__(self, database: Database, run: Callable[[Awaitable[Any]], Any]) -> None:
        super().__init__()
        self._database = database
        self._run = run
        self._ids = [uuid4() for _ in NODES]
        self._stores = [JobStore(database, node_id=node) for node in self._ids]
        self._operations = Operations(database, actor="ada", per_bot_types=PER_BOT, extra_bots=BOTS)
        # What each node believes it runs, whether or not that is still so.
        self._hands: list[list[UUID]] = [[] for _ in NODES]
        self.model = Model()

    def _execute(self, statement: str, *values: object) -> None:
        async def execute() -> None:
            async with self._database.connection() as connection:
                await connection.execute(statement, *values)

        self._run(execute())

    def _rows(self, query: str) -> list[Any]:
        async def fetch() -> list[Any]:
            async with self._database.connection() as connection:
                return list(await connection.fetch(query))

        rows: list[Any] = self._run(fetch())
        return rows

    @initialize()
    def an_empty_database(self) -> None:
        self._execute("TRUNCATE job_runs, scheduler_nodes, operator_actions CASCADE")
        self._execute("DELETE FROM scheduled_jobs")
        for node in NODES:
            self._beat(node)
        for job_type in LIMITS:
            for overlap in ("skip", "queue"):
                self._insert(job_type, overlap, "coalesce")
        self._insert("free", "skip", "coalesce", cron=True)

    def _beat(self, node: int) -> None:
        row = NodeRow(
            id=self._ids[node],
            name=f"node {node}",
            state=NodeState.ACTIVE,
            version="0",
            job_types=tuple(LIMITS),
            lease=HOUR,
            running=0,
            model=None,
        )
        self._run(self._stores[node].heartbeat(row))
        self.model.expired.discard(node)

    # What a person does.

    @precondition(lambda self: len(self.model.jobs) < 9)
    @rule(
        job_type=st.sampled_from(sorted(LIMITS)),
        overlap=st.sampled_from(["skip", "queue"]),
        catch_up=st.sampled_from(["coalesce", "skip"]),
        cron=st.booleans(),
    )
    def insert(self, job_type: str, overlap: str, catch_up: str, cron: bool) -> None:
        self._insert(job_type, overlap, catch_up, cron=cron)

    def _insert(self, job_type: str, overlap: str, catch_up: str, *, cron: bool = False) -> None:
        key = uuid4()
        bots = BOTS if job_type in PER_BOT else ONE_BOT
        self._execute(
            "INSERT INTO scheduled_jobs (id, job_type, bot_id, cron, next_run_at, config_json)"
            " VALUES ($1, $2, $3, $4, now() + make_interval(hours => $5), $6)",
            key,
            job_type,
            "*" if bots == BOTS else bots[0],
            EVERY_NEW_YEAR if cron else None,
            # A cron job that says nothing about its next slot waits for a node to compute it.
            0 if cron else 1,
            f'{{"overlap": "{overlap}", "catch_up": "{catch_up}"}}',
        )
        self.model.jobs[key] = ModelJob(
            job_type=job_type, overlap=overlap, catch_up=catch_up, bots=bots, cron=cron, unplaced=cron
        )

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def change_the_kind_of_schedule(self, data: st.DataObject) -> None:
        key = self._pick(data, list(self.model.jobs))
        job = self.model.jobs[key]
        job.cron = job.unplaced = not job.cron
        job.missed = None
        expression = EVERY_NEW_YEAR if job.cron else None
        self._execute("UPDATE scheduled_jobs SET cron = $2 WHERE id = $1", key, expression)

    def _pick(self, data: st.DataObject, keys: list[UUID]) -> UUID:
        # The position, not the id, so that a failing history can be made smaller.
        return keys[data.draw(st.integers(0, len(keys) - 1))]

    @precondition(lambda self: any(job.missed is None for job in self.model.jobs.values()))
    @rule(data=st.data(), missed=st.sampled_from([0, 0, 2]))
    def make_one_due(self, data: st.DataObject, missed: int) -> None:
        key = self._pick(data, [key for key, job in self.model.jobs.items() if job.missed is None])
        self._make_due(key, missed)

    @precondition(lambda self: self._placed())
    @rule(data=st.data())
    def a_slot_comes_by_itself(self, data: st.DataObject) -> None:
        key = self._pick(data, self._placed())
        backs_off = self.model.jobs[key].backs_off
        [until] = [
            row["backoff_until"]
            for row in self._rows("SELECT id, backoff_until FROM scheduled_jobs")
            if row["id"] == key
        ]
        self._make_due(key, 0)
        # Only a person moves a slot forward, which ends backing off; time does not.
        self._execute("UPDATE scheduled_jobs SET backoff_until = $2 WHERE id = $1", key, until)
        self.model.jobs[key].backs_off = backs_off

    def _placed(self) -> list[UUID]:
        """Jobs that wait for a slot in the future."""
        return [key for key, job in self.model.jobs.items() if job.missed is None and not job.unplaced]

    @rule()
    def make_all_due(self) -> None:
        for key, job in self.model.jobs.items():
            if job.missed is None:
                self._make_due(key, 0)

    def _make_due(self, key: UUID, missed: int) -> None:
        self._execute(
            "UPDATE scheduled_jobs SET next_run_at = CASE"
            " WHEN cron IS NULL THEN now() - make_interval(hours => $2, mins => 1)"
            " ELSE date_trunc('year', now()) - make_interval(years => $2) END"
            " WHERE id = $1",
            key,
            missed,
        )
        job = self.model.jobs[key]
        job.missed, job.backs_off, job.unplaced = missed, False, False

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data(), enabled=st.booleans())
    def pause_or_resume(self, data: st.DataObject, enabled: bool) -> None:
        key = self._pick(data, list(self.model.jobs))
        self._execute("UPDATE scheduled_jobs SET enabled = $2 WHERE id = $1", key, enabled)
        job = self.model.jobs[key]
        if job.enabled and not enabled:
            for run in self.model.active(key, "pending"):
                run.status = run.status if run.trigger == "manual" else "skipped"
        job.enabled = enabled

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = self._pick(data, list(self.model.jobs))
        self._execute("DELETE FROM scheduled_jobs WHERE id = $1", key)
        del self.model.jobs[key]
        for run in self.model.runs.values():
            if run.job == key:
                run.job = None
                run.status = "skipped" if run.status == "pending" else run.status

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def force_run(self, data: st.DataObject) -> None:
        key = self._pick(data, list(self.model.jobs))
        waiting = list(self.model.active(key, "pending"))
        ready = {run.bot for run in waiting if run.available}
        job = self.model.jobs[key]
        if ready == set(job.bots):
            with pytest.raises(StateError):
                self._run(self._operations.force_run(key))
            return
        forced = self._run(self._operations.force_run(key))
        assert {run.bot_id for run in forced} == set(job.bots) - ready
        for run in waiting:
            run.available = True
        for run in forced:
            if run.id not in self.model.runs:
                self.model.runs[run.id] = ModelRun(
                    job=key, job_type=job.job_type, bot=run.bot_id, trigger="manual", status="pending"
                )

    @precondition(lambda self: any(run.status == "pending" for run in self.model.runs.values()))
    @rule(data=st.data())
    def cancel_a_waiting_run(self, data: st.DataObject) -> None:
        key = self._pick(data, [key for key, run in self.model.runs.items() if run.status == "pending"])
        self._run(self._operations.cancel(key))
        self.model.runs[key].status = "failed"

    @rule()
    def an_hour_passes_for_what_waits(self) -> None:
        self._execute("UPDATE job_runs SET available_at = now() WHERE status = 'pending'")
        for run in self.model.runs.values():
            run.available = True

    # What nodes do.

    @precondition(lambda self: self.model.due(cron=False))
    @rule(node=st.sampled_from(NODES), capacity=st.integers(0, 5))
    def claim(self, node: int, capacity: int) -> None:
        self._claim(node, capacity)

    def _claim(self, node: int, capacity: int) -> None:
        asked = self._stores[node].claim_due(
            batch=100, per_bot_types=PER_BOT, bots=BOTS, direct_types=AT_ONCE, capacity=capacity
        )
        # A node whose lease ran out is nobody until its next heartbeat.
        due = [] if node in self.model.expired else self.model.due(cron=False)
        self._expect_claim(node, capacity, due, asked)

    @precondition(lambda self: any(job.cron for job in self.model.jobs.values()))
    @rule(node=st.sampled_from(NODES))
    def claim_cron(self, node: int) -> None:
        due = self.model.due(cron=True)
        for job in self.model.jobs.values():
            job.unplaced = False
        asked = self._stores[node].claim_cron(place_cron, batch=100, per_bot_types=PER_BOT, bots=BOTS)
        self._expect_claim(node, 0, due, asked)

    def _expect_claim(self, node: int, capacity: int, due: list[UUID], asked: Awaitable[Claim]) -> None:
        model = self.model
        targets = model.targets(due)
        skipped = {target for target in targets if model.is_skipped(*target)}
        at_once = {target for target in targets if model.starts_at_once(*target)}
        missed = {key: model.jobs[key].missed for key in due}
        claim: Claim = self._run(asked)
        assert len(claim.started) == min(capacity, len(at_once))
        assert {(run.job_id, run.bot_id) for run in claim.started} <= at_once
        assert len(claim.skipped) == len(skipped)
        assert claim.pending == len(targets) - len(skipped) - len(claim.started)
        for key in due:
            job = model.jobs[key]
            job.claim_seq, job.missed = job.claim_seq + 1, None
        known = set(model.runs)
        for row in self._rows(
            "SELECT id, job_id, job_type, bot_id, status, node_id, coalesced FROM job_runs"
        ):
            if row["id"] not in known:
                target = (row["job_id"], row["bot_id"])
                assert target in targets
                assert (row["status"] == "skipped") == (target in skipped)
                assert row["coalesced"] == missed[row["job_id"]]
                model.runs[row["id"]] = ModelRun(
                    job=row["job_id"],
                    job_type=row["job_type"],
                    bot=row["bot_id"],
                    trigger="schedule",
                    status=row["status"],
                    node=node if row["status"] == "running" else None,
                )
        self._hands[node] += [run.id for run in claim.started]

    @precondition(lambda self: any(run.status == "pending" for run in self.model.runs.values()))
    @rule(node=st.sampled_from(NODES), capacity=st.integers(1, 5))
    def start(self, node: int, capacity: int) -> None:
        expected = 0 if node in self.model.expired else self.model.startable(capacity)
        started: list[StartedRun] = self._run(
            self._stores[node].start_pending(limits=LIMITS, capacity=capacity)
        )
        assert len(started) == expected
        for begun in started:
            run = self.model.runs[begun.id]
            assert (run.status, run.available) == ("pending", True)
            run.status, run.node = "running", node
        self._hands[node] += [run.id for run in started]

    @precondition(lambda self: any(self._hands))
    @rule(data=st.data(), delay=st.sampled_from(LATER))
    def finish_well(self, data: st.DataObject, delay: float) -> None:
        self._finish(data, success=True, delay=delay)

    @precondition(lambda self: any(self._hands))
    @rule(data=st.data(), delay=st.sampled_from(LATER))
    def fail(self, data: st.DataObject, delay: float) -> None:
        self._finish(data, success=False, delay=delay)

    def _finish(self, data: st.DataObject, *, success: bool, delay: float) -> None:
        node = data.draw(st.sampled_from([node for node in NODES if self._hands[node]]))
        key = self._pick(data, self._hands[node])
        retry = not success and self.model.runs[key].attempt < MOST_ATTEMPTS
        self._end(node, key, success=success, retry=retry, delay=delay)

    @precondition(lambda self: self.model.startable_at_once())
    @rule(data=st.data(), node=st.sampled_from(NODES))
    def fail_in_a_row(self, data: st.DataObject, node: int) -> None:
        """Without further attempts, until the job backs off."""
        key = self._pick(data, self.model.startable_at_once())
        for _ in range(FAILURES_BEFORE_BACKING_OFF):
            if self.model.jobs[key].missed is None:
                self._make_due(key, 0)
            if node in self.model.expired or not self.model.starts_at_once(key, *ONE_BOT):
                return
            self._claim(node, 100)
            [run] = [run for run in self._hands[node] if self.model.is_running(run, key)]
            self._end(node, run, success=False, retry=False, delay=0)

    def _end(self, node: int, key: UUID, *, success: bool, retry: bool, delay: float) -> None:
        self._hands[node].remove(key)
        run = self.model.runs[key]
        held = run.status == "running" and run.node == node
        outcome = FinishedRun(
            id=key,
            status=RunStatus.SUCCESS if success else RunStatus.FAILED,
            result_json="{}" if success else None,
            error_message=None if success else "no",
        )
        answer = self._run(self._stores[node].finish_runs([outcome], retries={key: delay} if retry else {}))
        # The late outcome of a run that is no longer this node's is refused.
        assert answer == ({key} if held else set())
        if not held:
            return
        if self.model.end(key, "success" if success else "failed", retry=retry):
            self._expect_attempt_after(key, available=not delay)
        if not retry:
            self.model.count([key])

    @precondition(lambda self: any(run.status == "running" for run in self.model.runs.values()))
    @rule(node=st.sampled_from(NODES))
    def lease_runs_out(self, node: int) -> None:
        self._execute(
            "UPDATE scheduler_nodes SET lease_expires_at = now() - interval '1 s' WHERE id = $1",
            self._ids[node],
        )
        self.model.expired.add(node)

    @precondition(lambda self: self.model.expired)
    @rule()
    def heartbeat(self) -> None:
        for node in sorted(self.model.expired):
            self._beat(node)

    @precondition(lambda self: self.model.lost())
    @rule(node=st.sampled_from(NODES))
    def rescue(self, node: int) -> None:
        def retry_in(run: LostRun) -> float | None:
            return 0.0 if run.attempt < MOST_ATTEMPTS else None

        expected = self.model.lost()
        lost: list[LostRun] = self._run(self._stores[node].rescue_runs(batch=100, retry_in=retry_in))
        assert {run.id for run in lost} == set(expected)
        last = [key for key in expected if self.model.runs[key].attempt == MOST_ATTEMPTS]
        retried = [key for key in expected if self.model.end(key, "failed", retry=key not in last)]
        for key in retried:
            self._expect_attempt_after(key, available=True)
        self.model.count(last)

    def _expect_attempt_after(self, key: UUID, *, available: bool) -> None:
        before = self.model.runs[key]
        [row] = [
            row
            for row in self._rows(
                "SELECT id, job_id, bot_id, attempt, trigger FROM job_runs WHERE status = 'pending'"
            )
            if (row["job_id"], row["bot_id"]) == (before.job, before.bot)
        ]
        assert row["id"] not in self.model.runs
        # Of a paused job only what a person asked for goes on.
        trigger = "retry" if before.job is not None and self.model.jobs[before.job].enabled else "manual"
        assert (row["attempt"], row["trigger"]) == (before.attempt + 1, trigger)
        self.model.runs[row["id"]] = ModelRun(
            job=before.job,
            job_type=before.job_type,
            bot=before.bot,
            trigger=trigger,
            status="pending",
            attempt=before.attempt + 1,
            available=available,
        )

    # What must hold after every step.

    @invariant()
    def the_server_agrees_with_the_model(self) -> None:
        nodes = {node_id: node for node, node_id in enumerate(self._ids)}
        runs = {
            row["id"]: (
                *(row["job_id"], row["bot_id"], row["status"], row["attempt"]),
                nodes.get(row["node_id"]),
            )
            for row in self._rows("SELECT id, job_id, bot_id, status, attempt, node_id FROM job_runs")
        }
        assert runs == {
            key: (run.job, run.bot, run.status, run.attempt, run.node) for key, run in self.model.runs.items()
        }
        jobs = {
            row["id"]: (row["enabled"], row["claim_seq"], row["due"], row["needs_slot"], row["failures"])
            for row in self._rows(
                "SELECT id, enabled, claim_seq, next_run_at <= now() AND NOT needs_slot AS due, needs_slot,"
                " failures FROM scheduled_jobs"
            )
        }
        assert jobs == {
            key: (job.enabled, job.claim_seq, job.missed is not None, job.unplaced, job.failures)
            for key, job in self.model.jobs.items()
        }

    @invariant()
    def nothing_is_there_twice(self) -> None:
        running = [run for run in self.model.runs.values() if run.status == "running"]
        places = [(run.job, run.bot) for run in running if run.job is not None]
        assert len(places) == len(set(places))
        assert sum(run.job_type == "limited" for run in running) <= LIMIT

    def teardown(self) -> None:
        report = self._run(audit(self._database, history_days=90, grace=100 * HOUR))
        assert report.is_exact, report


def run_histories(url: str, *, examples: int, steps: int) -> None:
    given = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    # Its own loop, never set as the current one: pytest-asyncio keeps that for the tests.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:

        async def opened() -> Database:
            return Database.open(Address.parse(url), pool_size=1, application="tests")

        async def awaited(work: Awaitable[T]) -> T:
            return await work

        database = runner.run(opened())
        try:
            run_state_machine_as_test(
                lambda: Histories(database, lambda work: runner.run(awaited(work))),  # type: ignore[arg-type]  # it takes any factory, and says so
                settings=given,
            )
        finally:
            runner.run(database.aclose())


def test_random_histories_are_as_promised(database_url: str) -> None:
    run_histories(database_url, examples=12, steps=40)


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(400)
def test_many_long_random_histories_are_as_promised(database_url: str) -> None:
    run_histories(database_url, examples=150, steps=60)
