"""Read-only aggregates for charts and forecasts. It keeps nothing and predicts nothing.

A chart costs what its window holds and at most `MOST_READ` rows; a forecast costs a few index pages a job.
Neither grows with the history.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.rows import job_of
from scheduler_core.db.statement import statement
from scheduler_core.domain import ALL_BOTS, RunStatus
from scheduler_core.figures import ActiveRun, JobHabit, Outlook, RunChart, RunFigures

# Rows read for one chart. Twenty thousand take about 50 ms.
MOST_READ = 20_000
# And for the charts of several jobs together, which take 20 s then.
MOST_READ_TOGETHER = 10_000_000
MOST_STEPS = 1_000
MOST_JOBS = 1_000
# How many of its latest runs tell how long a job takes; fewer where there are so many jobs that their runs
# together would be more than a screen can wait for.
LATEST_RUNS = 200
FEWEST_RUNS = 10
HABIT_ROWS = 10_000
MOST_ACTIVE = 5_000
HABITS_READ = {
    "limit": MOST_JOBS,
    "latest": LATEST_RUNS,
    "fewest": FEWEST_RUNS,
    "rows": HABIT_ROWS,
    "most_active": MOST_ACTIVE,
}


class Metrics:
    """Aggregates over `job_runs` and `scheduled_jobs`.

    Args:
        bots: those that jobs for all bots run for beside the ones that the database knows, as for
            `Operations`; None where nobody knows which bots there are, such as on a service's database.
    """

    def __init__(self, database: Database, *, bots: Sequence[str] | None = None) -> None:
        self._database = database
        self._bots = bots

    async def chart(
        self, *, since: datetime, step: timedelta, steps: int, job_id: UUID | None = None
    ) -> RunChart:
        """The runs that started in each of `steps` steps of equal length, the first of which begins at
        `since`.

        Args:
            steps: 1 to `MOST_STEPS`.
            job_id: None for all jobs, and for runs whose job is gone.

        Raises:
            ValueError: `steps` or `step` is out of bounds.
        """
        if job_id is not None:
            [chart] = await self.charts([job_id], since=since, step=step, steps=steps)
            return chart
        query = statement("run_steps")
        async with self._database.connection() as connection:
            rows = await connection.fetch(query.text, *query.bind(**_window(since, step, steps, MOST_READ)))
        return _chart(rows, None, since=since, step=step, steps=steps)

    async def charts(
        self, job_ids: Sequence[UUID], *, since: datetime, step: timedelta, steps: int
    ) -> list[RunChart]:
        """The same of each of these jobs, in their order, by one statement; a job that is gone has no runs.

        Raises:
            ValueError: `steps` or `step` is out of bounds.
        """
        query = statement("run_steps_of_jobs")
        most = min(MOST_READ, MOST_READ_TOGETHER // max(1, len(job_ids)))
        values = query.bind(jobs=[str(each) for each in job_ids], **_window(since, step, steps, most))
        async with self._database.connection() as connection:
            rows = await connection.fetch(query.text, *values)
        of_job: dict[UUID, list[Record]] = {job_id: [] for job_id in job_ids}
        for row in rows:
            of_job[row["job"]].append(row)
        return [_chart(of_job[each], each, since=since, step=step, steps=steps) for each in job_ids]

    async def outlook(self) -> Outlook:
        """What a forecast rests on: up to `MOST_JOBS` jobs and what runs now."""
        habits = statement("job_habits")
        async with self._database.connection() as connection:
            jobs = await connection.fetch(habits.text, *habits.bind(**HABITS_READ))
            now = jobs[0]["at"] if jobs else await connection.fetchval("SELECT now()")
            living = await self._living(connection, jobs)
            every = None
            if len(jobs) >= MOST_JOBS:
                every = await connection.fetchval("SELECT count(*) FROM scheduled_jobs")
        active = (jobs[0]["active"] if jobs else None) or ()
        running: dict[UUID, list[dict[str, Any]]] = {}
        for held in active:
            if held["job_id"] is not None and held["status"] == RunStatus.RUNNING:
                running.setdefault(UUID(held["job_id"]), []).append(held)
        return Outlook(
            now=now,
            habits=tuple(_habit(row, running.get(row["id"], ()), living) for row in jobs),
            active=tuple(map(_active, active)),
            jobs=every,
        )

    async def _living(self, connection: Connection, jobs: Sequence[Record]) -> frozenset[str] | None:
        """The bots that the next slots of such jobs are for; None if that is not known, or nobody asks."""
        if self._bots is None or not any(row["bot_id"] == ALL_BOTS and row["bots"] for row in jobs):
            return None
        known = await connection.fetch("SELECT bot_id FROM bawt_bots()")
        return frozenset((ALL_BOTS, *self._bots, *(row["bot_id"] for row in known)))


def _window(since: datetime, step: timedelta, steps: int, most: int) -> dict[str, object]:
    """What both statements need to know of a chart that reads at most so many rows."""
    if not 1 <= steps <= MOST_STEPS or step <= timedelta(0):
        raise ValueError(f"A chart has 1 to {MOST_STEPS} steps of some length.")
    return {"since": since, "length": step, "steps": steps, "most": max(1, most // steps)}


def _chart(
    rows: Sequence[Record], job_id: UUID | None, *, since: datetime, step: timedelta, steps: int
) -> RunChart:
    whole = next(row for row in rows if row["step"] is None)
    found = {row["step"]: row for row in rows if row["step"] is not None}
    per_step = tuple(_figures(found[n], step) if n in found else RunFigures() for n in range(steps))
    return RunChart(
        job_id=job_id,
        since=since,
        step=step,
        steps=per_step,
        whole=_together(whole, per_step),
        estimated=any(row["read"] is not None for row in found.values()),
    )


_COUNTS = ("success", "failed", "skipped", "running", "suspicious")


def _figures(row: Record, step: timedelta) -> RunFigures:
    """A step's figures. Where only its newest runs were read, counts grow by the part that was not; of those
    that still run all were read."""
    read = row["read"]
    scale = 1.0 if not read else max(1.0, step.total_seconds() / read)
    counts = {name: round(row[name] * (1.0 if name == "running" else scale)) for name in _COUNTS}
    return _with_counts(row, counts)


def _together(row: Record, steps: tuple[RunFigures, ...]) -> RunFigures:
    return _with_counts(row, {name: sum(getattr(each, name) for each in steps) for name in _COUNTS})


def _with_counts(row: Record, counts: dict[str, int]) -> RunFigures:
    return RunFigures(
        **counts,
        p50_ms=row["p50_ms"],
        p95_ms=row["p95_ms"],
        longest_ms=row["longest_ms"],
        late_p50=row["late_p50"],
        late_p95=row["late_p95"],
        latest=row["latest"],
    )


def _habit(row: Record, running: Sequence[dict[str, Any]], living: frozenset[str] | None) -> JobHabit:
    """Of its latest runs that are over, and of those that run. A bot that is gone gets no runs any more."""
    job, places = job_of(row), row["places"]
    bots = (job.bot_id,)
    if job.bot_id == ALL_BOTS:
        past = [bot for bot in row["bots"] or () if living is None or bot in living]
        bots = tuple(sorted({*past, *(held["bot_id"] for held in running)})) or bots
    if running:
        slots = (places, *(held["slot"] for held in running))
        places = max((slot for slot in slots if slot is not None), default=None)
    return JobHabit(
        job=job,
        bots=bots,
        p50_ms=row["p50_ms"],
        p95_ms=row["p95_ms"],
        places=places,
        queues=row["overlap"] == "queue",
    )


def _active(held: dict[str, Any]) -> ActiveRun:
    return ActiveRun(
        job_id=None if held["job_id"] is None else UUID(held["job_id"]),
        job_type=held["job_type"],
        bot_id=held["bot_id"],
        status=RunStatus(held["status"]),
        since=datetime.fromisoformat(held["since"]),
    )
