"""The scheduler's own statements: claim, start, heartbeat, finish, retry, rescue. One method each.

Every change is guarded, so a method's answer (rows or none) is the truth about what happened. Nothing
here sleeps, retries or decides policy.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.job_values import (
    Claim,
    CronJob,
    CronSlot,
    FinishedRun,
    LostRun,
    NodeRow,
    RunCheck,
    StartedRun,
)
from scheduler_core.db.plan_store import save_plans
from scheduler_core.db.rows import MODES, TRIGGERS, Row
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import EventLevel, RunStatus, Trigger
from scheduler_core.errors import DatabaseError

# An outcome, but for its id, that says no more than that all went well.
_PLAIN = FinishedRun(UUID(int=0), RunStatus.SUCCESS, "{}")[1:]

# How long the rows of cron jobs are kept locked, and this thread busy, to compute their slots.
PLACING_SECONDS = 0.1


# How often start_pending asks again, leaving out the runs whose turn it was and that somebody holds.
MOST_PASSES = 20


class JobStore:
    """Statements over the scheduler's tables, as one node runs them."""

    def __init__(self, database: Database, *, node_id: UUID) -> None:
        self._database = database
        self._node_id = node_id

    async def seed_jobs(self, intervals: Mapping[str, int]) -> tuple[int, int]:
        """Makes each default job once per database; returns how many were added and re-timed."""
        seed = statement("seed_jobs")
        values = seed.bind(job_types=list(intervals), intervals=list(intervals.values()))
        async with self._database.transaction() as connection:
            # Two nodes that start together would otherwise both see no seeds.
            await connection.execute("LOCK TABLE scheduler_seeds IN SHARE ROW EXCLUSIVE MODE")
            row = await connection.fetchrow(seed.text, *values)
        assert row is not None
        return row["added"], row["moved"]

    async def claim_due(
        self,
        *,
        batch: int,
        per_bot_types: Sequence[str],
        bots: Sequence[str],
        direct_types: Sequence[str] = (),
        capacity: int = 0,
        until: datetime | None = None,
    ) -> Claim:
        """Turns up to `batch` due slots of interval jobs into runs or skipped rows, and advances their jobs.

        Args:
            per_bot_types: types of which a job for `*` becomes one run for each bot.
            bots: bots known beside those in the database.
            direct_types: types without a concurrency limit; up to `capacity` of their runs start at once.
            until: leaves slots after it alone; None takes all that are due.
        """
        try:
            async with self._database.connection() as connection:
                return await self._claim(
                    connection, batch, per_bot_types, bots, direct_types, capacity, {}, until=until
                )
        except asyncpg.UniqueViolationError as error:
            return await self._overtaken(error)

    async def claim_cron(
        self,
        place: Callable[[CronJob], CronSlot],
        *,
        batch: int,
        per_bot_types: Sequence[str],
        bots: Sequence[str],
    ) -> Claim:
        """The same for cron jobs, whose slots `place` computes; jobs that cannot be placed are paused."""
        try:
            return await self._claim_cron(place, batch=batch, per_bot_types=per_bot_types, bots=bots)
        except asyncpg.UniqueViolationError as error:
            return await self._overtaken(error)

    async def _claim_cron(
        self,
        place: Callable[[CronJob], CronSlot],
        *,
        batch: int,
        per_bot_types: Sequence[str],
        bots: Sequence[str],
    ) -> Claim:
        lock, settle = statement("lock_cron"), statement("place_cron")
        async with self._database.transaction() as connection:
            rows = await connection.fetch(lock.text, *lock.bind(batch=batch))
            slots: dict[UUID, CronSlot] = {}
            jobs = [_cron_job_of(row) for row in rows]
            until = time.monotonic() + PLACING_SECONDS
            for job in jobs:
                slots[job.id] = place(job)
                if time.monotonic() > until:
                    # Each may have slept through a thousand slots. What is left over is still due.
                    break
            jobs = jobs[: len(slots)]
            unplaced = [job.id for job in jobs if job.unplaced or slots[job.id].trouble is not None]
            if unplaced:
                values = settle.bind(
                    ids=unplaced,
                    slots=[slots[job].next_at for job in unplaced],
                    troubles=[_storable(slots[job].trouble) for job in unplaced],
                )
                await connection.execute(settle.text, *values)
            due = {job.id: slots[job.id] for job in jobs if job.id not in unplaced}
            if not due:
                return Claim(started=(), pending=0, skipped=(), placed=len(unplaced))
            return await self._claim(connection, 0, per_bot_types, bots, (), 0, due)

    async def _claim(
        self,
        connection: Connection,
        batch: int,
        per_bot_types: Sequence[str],
        bots: Sequence[str],
        direct_types: Sequence[str],
        capacity: int,
        cron: Mapping[UUID, CronSlot],
        *,
        until: datetime | None = None,
    ) -> Claim:
        claim = statement("claim_due")
        values = claim.bind(
            batch=batch,
            per_bot_types=list(per_bot_types),
            bots=list(bots),
            direct_types=list(direct_types),
            capacity=capacity,
            node=self._node_id,
            until=until,
            cron_ids=list(cron),
            cron_next=[slot.next_at for slot in cron.values()],
            cron_missed=[slot.missed for slot in cron.values()],
        )
        rows = await connection.fetch(claim.text, *values)
        started = tuple([_claimed_of(row) for row in rows if row["status"] == "running"])
        if len(started) == len(rows):
            return Claim(started=started, pending=0, skipped=())
        skipped = tuple([row["id"] for row in rows if row["status"] == "skipped"])
        return Claim(started=started, pending=len(rows) - len(started) - len(skipped), skipped=skipped)

    async def _overtaken(self, error: asyncpg.UniqueViolationError) -> Claim:
        """Somebody forced a run between our look and our write, or counts slots anew by hand. Nothing was
        claimed; the next look sees it."""
        if error.constraint_name == "job_runs_pkey":
            async with self._database.connection() as connection:
                await connection.execute(statement("recount_slots").text)
        return Claim(started=(), pending=0, skipped=(), overtaken=True)

    async def start_pending(
        self,
        *,
        limits: Mapping[str, int | None],
        capacity: int,
        on_held: Callable[[Sequence[UUID]], None] = lambda ids: None,
    ) -> list[StartedRun]:
        """Takes up to `capacity` waiting runs of the given types; a limit holds across all nodes.

        Args:
            on_held: told the runs that others went before, because somebody else has their rows locked.

        Raises:
            asyncpg.UniqueViolationError: another node took the same concurrency slot; look again.
        """
        start = statement("start_pending")
        started: list[StartedRun] = []
        held: list[UUID] = []
        async with self._database.connection() as connection:
            for _ in range(MOST_PASSES):
                values = start.bind(
                    job_types=list(limits),
                    limits=list(limits.values()),
                    capacity=capacity - len(started),
                    node=self._node_id,
                    without=held,
                )
                try:
                    rows = await connection.fetch(start.text, *values)
                except asyncpg.UniqueViolationError:
                    if not started:
                        raise
                    # What the passes before started is ours, and has to be known.
                    break
                started += [started_of(row) for row in rows if row["job_type"] is not None]
                passed = [row["id"] for row in rows if row["job_type"] is None]
                held += passed
                if not passed or len(started) == capacity:
                    break
        if held:
            on_held(held)
        return started

    async def finish_runs(
        self, outcomes: Sequence[FinishedRun], *, retries: Mapping[UUID, float] | None = None
    ) -> set[UUID]:
        """Records outcomes and, in the same transaction, further attempts.

        Args:
            retries: seconds until the next attempt, for failed runs that deserve one.

        Returns:
            The runs this node still held. An outcome for any other run was not recorded.
        """
        finish = statement("finish_runs")
        # Successes with nothing to tell come last, as ids alone.
        told: list[FinishedRun] = []
        plain: list[UUID] = []
        for outcome in outcomes:
            if outcome[1:] == _PLAIN:
                plain.append(outcome.id)
            else:
                told.append(outcome)
        values = finish.bind(
            node=self._node_id,
            ids=[outcome.id for outcome in told] + plain,
            statuses=[str(outcome.status) for outcome in told],
            results=[_storable(outcome.result_json) for outcome in told],
            errors=[_storable(outcome.error_message) for outcome in told],
            reasons=[_storable(outcome.reason) for outcome in told],
            suspicious=["\n".join(outcome.suspicious) for outcome in told],
        )
        failed = any(outcome.status is RunStatus.FAILED for outcome in told)
        plans = {run.id: run.plan for run in told if run.plan is not None}
        # Where nothing failed, nothing else is written about most outcomes. Should a success have to forget
        # failures, and this node die before it has, the next one forgets them.
        together = self._transaction() if failed or plans else self._database.connection()
        async with together as connection:
            if retries:
                await self._lock_jobs(connection, retries)
            row = await connection.fetchrow(finish.text, *values)
            assert row is not None
            held = set(row["ids"])
            if plans := {run: plan for run, plan in plans.items() if run in held}:
                await save_plans(connection, plans)
            delays = {run: delay for run, delay in (retries or {}).items() if run in held}
            await self._retry(connection, delays)
            if failed or row["any_failing"]:
                await self._count(connection, [run for run in held if run not in delays])
        return held

    async def writable_runs(self, ids: Sequence[UUID]) -> dict[UUID, RunStatus | None]:
        """Of these runs, those whose outcome can be written without waiting for anybody's open transaction,
        each with the outcome that this node has recorded already; None for none."""
        writable = statement("writable_runs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(writable.text, *writable.bind(ids=list(ids), node=self._node_id))
        return {run: None if recorded is None else RunStatus(recorded) for run, recorded in rows}

    async def held_runs(self, *, known: Sequence[UUID]) -> list[StartedRun]:
        """Runs this node holds beside the `known` ones: started, but the answer never came."""
        held = statement("held_runs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(held.text, *held.bind(node=self._node_id, known=list(known)))
        return [started_of(row) for row in rows]

    async def rescue_runs(
        self, *, batch: int, retry_in: Callable[[LostRun], float | None] = lambda _: None
    ) -> list[LostRun]:
        """Closes up to `batch` runs of nodes whose lease expired and, in the same transaction, adds further
        attempts.

        Args:
            retry_in: seconds until the next attempt; None for a run that does not get one. Not asked about
                runs that somebody cancelled.
        """
        rescue = statement("rescue_runs")
        async with self._transaction() as connection:
            rows = await connection.fetch(rescue.text, *rescue.bind(batch=batch))
            if not rows:
                return []
            lost = [LostRun(**dict(row)) for row in rows]
            delays = {
                run.id: delay for run in lost if not run.is_cancelled and (delay := retry_in(run)) is not None
            }
            await self._retry(connection, delays)
            await self._count(connection, [run.id for run in lost if run.id not in delays])
        return lost

    async def fail_unknown(self, *, grace: float, batch: int) -> list[UUID]:
        """Fails runs that have waited `grace` seconds for a node that knows their type."""
        fail = statement("fail_unknown")
        async with self._database.connection() as connection:
            rows = await connection.fetch(fail.text, *fail.bind(grace=grace, batch=batch, node=self._node_id))
        return [row["id"] for row in rows]

    async def skip_paused(self, *, batch: int) -> list[UUID]:
        """Skips up to `batch` retries that a pause missed, because both were written at the same moment."""
        skip = statement("skip_paused")
        async with self._database.connection() as connection:
            rows = await connection.fetch(skip.text, *skip.bind(batch=batch))
        return [row["id"] for row in rows]

    async def heartbeat(self, node: NodeRow) -> float | None:
        """Renews the lease; returns the seconds until the next one of another node ends if that does not
        renew it, None if nobody else is there."""
        beat = statement("heartbeat")
        values = beat.bind(
            node=node.id,
            name=node.name,
            state=str(node.state),
            version=node.version,
            job_types=list(node.job_types),
            lease=node.lease,
            running=node.running,
            model=node.model,
            role=node.role,
            queue=node.queue,
            capacity=node.capacity,
            job_limits=list(node.job_limits),
            models=list(node.models),
            memory_bytes=node.memory_bytes,
        )
        async with self._database.connection() as connection:
            # Whoever answers later than this has let the lease run out.
            ends_in: float | None = await connection.fetchval(beat.text, *values, timeout=node.lease / 2)
        return ends_in

    async def leave(self) -> None:
        """Marks this node stopped and gives its lease back."""
        leave = statement("leave")
        async with self._database.connection() as connection:
            await connection.execute(leave.text, *leave.bind(node=self._node_id))

    async def check_runs(self, ids: Sequence[UUID]) -> list[RunCheck]:
        """Which of these runs were cancelled or are no longer held, and which others of this node were
        cancelled; silent about the rest."""
        check = statement("check_runs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(check.text, *check.bind(ids=list(ids), node=self._node_id))
        return [
            RunCheck(id=row["id"], held=row["held"], cancelled_by=row["cancel_requested_by"]) for row in rows
        ]

    async def now(self) -> datetime:
        """The database's time, which is the only one that schedules."""
        async with self._database.connection() as connection:
            at: datetime = await connection.fetchval("SELECT now()")
        return at

    async def next_due(self, *, looked: float) -> tuple[float | None, bool]:
        """Seconds until the next slot or delayed run (None when nothing is ahead), and whether a cron job
        wants a look now.

        Args:
            looked: seconds since the look began; what came due in it may not have been seen.
        """
        due = statement("next_due")
        async with self._database.connection() as connection:
            row = await connection.fetchrow(due.text, *due.bind(looked=looked))
        assert row is not None
        return row["seconds"], row["cron"]

    async def add_events(self, events: Sequence[tuple[UUID, EventLevel, str]]) -> None:
        """Appends log lines in the order given; lines of runs that are gone are dropped."""
        async with self._transaction() as connection:
            await connection.execute(
                "INSERT INTO job_run_events (run_id, level, message)"
                " SELECT e.run_id, e.level, e.message"
                " FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY"
                " AS e (run_id, level, message, place)"
                " WHERE EXISTS (SELECT FROM job_runs r WHERE r.id = e.run_id) ORDER BY e.place",
                [run for run, _, _ in events],
                [str(level) for _, level, _ in events],
                [_storable(message) for _, _, message in events],
            )

    async def set_progress(self, progress: Mapping[UUID, str]) -> None:
        """Replaces the progress line of runs this node holds."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE job_runs r SET progress = p.line"
                " FROM unnest($1::uuid[], $2::text[]) AS p (id, line)"
                " WHERE r.id = p.id AND r.status = 'running' AND r.node_id = $3",
                list(progress),
                [_storable(line) for line in progress.values()],
                self._node_id,
            )

    async def tell_waiting(self, ended: Sequence[UUID]) -> None:
        """Wakes the schedulers where a run waited for one of these to end."""
        tell = statement("tell_waiting")
        async with self._database.connection() as connection:
            await connection.execute(tell.text, *tell.bind(ids=list(ended)))

    async def recall(self) -> int:
        """Takes back what is on its way to a worker and waits no longer; in one process that is nothing."""
        return 0

    async def expire_history(self, *, days: int, batch: int) -> int:
        """Deletes up to `batch` finished runs older than `days`; returns how many."""
        expire = statement("expire_history")
        async with self._database.connection() as connection:
            done = await connection.execute(expire.text, *expire.bind(days=days, batch=batch))
        return int(done.rpartition(" ")[2])

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """A transaction that adds rows for jobs and runs that somebody may be deleting."""
        try:
            async with self._database.transaction() as connection:
                yield connection
        except asyncpg.ForeignKeyViolationError as error:
            raise DatabaseError(
                "A job or a run was deleted while something was written about it.",
                "It is tried again by itself.",
            ) from error

    async def _count(self, connection: Connection, ids: Sequence[UUID]) -> None:
        count = statement("count_outcomes")
        await connection.execute(count.text, *count.bind(ids=list(ids)))

    async def _lock_jobs(self, connection: Connection, runs: Iterable[UUID]) -> None:
        """What adds attempts at runs needs their jobs."""
        lock = statement("lock_jobs")
        await connection.execute(lock.text, *lock.bind(ids=list(runs)))

    async def _retry(self, connection: Connection, delays: Mapping[UUID, float]) -> int:
        if not delays:
            return 0
        retry = statement("retry_runs")
        values = retry.bind(ids=list(delays), delays=list(delays.values()))
        return len(await connection.fetch(retry.text, *values))


def _claimed_of(row: Row) -> StartedRun:
    """The first attempt at a slot, which its row does not say. By place: names would take twice as long."""
    run_id, job_id, job_type, bot_id, _, slot, coalesced, config = row
    return StartedRun(run_id, job_id, job_type, bot_id, Trigger.SCHEDULE, slot, 1, coalesced, config)


def started_of(row: Row) -> StartedRun:
    return StartedRun(
        id=row["id"],
        job_id=row["job_id"],
        job_type=row["job_type"],
        bot_id=row["bot_id"],
        trigger=TRIGGERS[row["trigger"]],
        scheduled_for=row["scheduled_for"],
        attempt=row["attempt"],
        coalesced=row["coalesced"],
        config_json=row["config_json"],
        mode=MODES[row["mode"]],
        source_run_id=row["source_run_id"],
    )


def _cron_job_of(row: Row) -> CronJob:
    return CronJob(
        id=row["id"],
        cron=row["cron"],
        time_zone=row["time_zone"],
        next_run_at=row["next_run_at"],
        unplaced=row["needs_slot"],
        config_json=row["config_json"],
        at=row["at"],
    )


def _storable(text: str | None) -> str | None:
    """Neither NUL nor a lone surrogate may lose a result."""
    return None if text is None else storable(text)
