"""A source without a database, for pictures with a frozen clock and for failures a database will not stage.

`test_source` holds it to the same promises as the real one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from uuid import UUID

from bawt_console.app import ConsoleApp
from bawt_console.generations import Generations
from bawt_console.keymap import Keymap
from bawt_console.shelf import Shelf
from bawt_console.source import ATTACHED, Link
from bawt_console.views import Views
from scheduler_core.domain import (
    EVERY_JOB,
    Attribute,
    DurationPoint,
    Entity,
    Job,
    JobFilter,
    JobOverview,
    Node,
    ProfileChange,
    Run,
    RunCursor,
    RunEvent,
    RunFilter,
    RunStatus,
)
from scheduler_core.errors import NotFoundError, SchedulerError, StateError
from scheduler_core.oversight import Brief, DatabaseHealth, OperatorAction
from tests.console.believable import NOW, World, a_run
from tests.console.fake_logs import FakeLogs
from tests.console.fake_measures import FakeMeasures
from tests.console.fake_records import FakeRecords
from tests.console.fake_shelf import FakeShelf
from tests.console.fake_work import FakeWork

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class FakeSource:
    """Holds a world in memory and tells about changes to it.

    Attributes:
        failure: raised by every read while it is set.
        asked: the names of the reads so far.
    """

    def __init__(self, world: World, *, label: str = "embedded · llm_bawt", mode: str = ATTACHED) -> None:
        self.world = world
        self.label = label
        self.mode = mode
        self.model: str | None = None
        self.read_only = False
        self.jobs_missing = 0
        self.jobs_known: Sequence[JobOverview] = ()
        self.now = NOW
        self.work = FakeWork(self)
        self.records = FakeRecords(self)
        self.models: Shelf | None = FakeShelf(world.shelf)
        self.measures = FakeMeasures(self)
        self.logs = FakeLogs(self)
        self.generations = Generations(clock=lambda: 0.0)
        self.last_visit: datetime | None = None
        self.failure: Exception | None = None
        self.standing = Link(connected=True, age=0.2)
        self.asked: list[str] = []
        self._changes: asyncio.Queue[frozenset[str]] = asyncio.Queue()
        self._fresh = count(0xABC0000)

    def tell(self, *kinds: str) -> None:
        """Says that rows of these kinds changed."""
        self._changes.put_nowait(frozenset(kinds))

    def refusal(self, action_id: str) -> str | None:
        return None

    def link(self) -> Link:
        return self.standing

    async def changes(self) -> AsyncIterator[frozenset[str]]:
        while True:
            yield await self._changes.get()

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self.failure is not None:
            raise self.failure

    def ask(self, name: str) -> None:
        """Counts a read of one of the parts, which fails as every read does."""
        self._ask(name)

    @property
    def jobs_total(self) -> int:
        return len(self.world.jobs)

    async def jobs(self, wanted: JobFilter = EVERY_JOB, *, first_page: bool = False) -> list[JobOverview]:
        self._ask("jobs")
        assert wanted == EVERY_JOB, "a small world is shown whole"
        self.jobs_known = list(self.world.jobs)
        return list(self.world.jobs)

    async def runs(
        self, wanted: RunFilter, *, before: RunCursor | None = None, limit: int = 300
    ) -> list[Run]:
        self._ask("runs")
        found = [run for run in self.world.runs if answers(run, wanted) and _behind(run, before)]
        found.sort(key=_place, reverse=True)
        return found[:limit]

    async def run(self, run_id: UUID) -> Run:
        self._ask("run")
        for run in self.world.runs:
            if run.id == run_id:
                return run
        raise NotFoundError(f"There is no run {run_id}.", "List them with: bawt-console runs list")

    async def attempts(self, run: Run) -> list[Run]:
        self._ask("attempts")
        first = run.first_run_id or run.id
        return [each for each in self.world.runs if first in (each.id, each.first_run_id)]

    async def events(self, run_id: UUID, *, after: int = 0, limit: int = 1000) -> list[RunEvent]:
        self._ask("events")
        return [event for event in self.world.events.get(run_id, []) if event.id > after][:limit]

    async def durations(self, job_id: UUID, *, limit: int = 200) -> list[DurationPoint]:
        self._ask("durations")
        return self.world.durations(job_id)[-limit:]

    async def nodes(self) -> list[Node]:
        self._ask("nodes")
        return list(self.world.nodes)

    async def running_runs(self) -> list[Run]:
        self._ask("running_runs")
        return [run for run in self.world.runs if run.status is RunStatus.RUNNING]

    async def health(self) -> DatabaseHealth:
        self._ask("health")
        return self.world.health

    async def brief(self, since: datetime) -> Brief:
        self._ask("brief")
        found = [run for run in self.world.runs if run.started_at is not None and run.started_at >= since]
        return Brief(
            since=since,
            until=NOW,
            counts={status: sum(run.status is status for run in found) for status in RunStatus},
            suspicious=sum(bool(run.suspicious) for run in found),
            overlapped=0,
            missed=sum(run.coalesced for run in found),
            undone=0,
            counted_from=since,
            failures=tuple(run for run in found if run.status is RunStatus.FAILED),
            odd=tuple(run for run in found if run.suspicious),
            undoings=(),
            slowest=(),
            paused=tuple(each.job for each in self.world.jobs if not each.job.enabled),
        )

    async def actions(self, *, before: int | None = None, limit: int = 300) -> list[OperatorAction]:
        self._ask("actions")
        known = [each for each in self.world.actions if before is None or each.id < before]
        return known[:limit]

    async def undo_action(self, action_id: int) -> str:
        for place, action in enumerate(self.world.actions):
            if action.id == action_id:
                if action.obstacle is not None:
                    raise StateError(action.obstacle, "Nothing was changed.")
                gone = replace(action, obstacle="It is taken back already.", undoing="")
                self.world.actions[place] = gone
                self.tell("jobs")
                return f"{action.undoing} Action {action_id} is taken back."
        raise NotFoundError(f"There is no action {action_id}.", "")

    async def changes_of_run(self, run_id: UUID) -> list[ProfileChange]:
        self._ask("changes_of_run")
        return list(self.world.changes.get(run_id, []))

    async def attributes(self, entity: Entity) -> tuple[Attribute, ...]:
        self._ask("attributes")
        return self.world.attributes.get(entity, ())

    async def force_run(self, job_id: UUID) -> list[Run]:
        place, overview = self._job(job_id)
        if overview.current is not None and overview.current.status is RunStatus.PENDING:
            raise StateError("A run of this job already waits to start.", "Watch it on the Runs screen.")
        run = a_run(
            UUID(int=next(self._fresh)),
            overview.job,
            status=RunStatus.PENDING,
            started_at=None,
            finished_at=None,
            duration_ms=None,
        )
        self.world.runs.insert(0, run)
        self.world.jobs[place] = replace(overview, current=overview.current or run)
        self.tell("runs")
        return [run]

    async def pause(self, job_id: UUID, *, reason: str | None = None) -> Job:
        place, overview = self._job(job_id)
        if not overview.job.enabled:
            raise StateError("The job is paused already.", "")
        job = replace(overview.job, enabled=False, paused_by="ada", paused_reason=reason, paused_at=NOW)
        self.world.jobs[place] = replace(overview, job=job)
        self.tell("jobs")
        return job

    async def resume(self, job_id: UUID) -> Job:
        place, overview = self._job(job_id)
        if overview.job.enabled:
            raise StateError("The job is not paused.", "")
        job = replace(overview.job, enabled=True, paused_by=None, paused_reason=None, paused_at=None)
        self.world.jobs[place] = replace(overview, job=job)
        self.tell("jobs")
        return job

    async def cancel(self, run_id: UUID) -> Run:
        run = await self.run(run_id)
        if run.status.is_final:
            raise StateError(f"The run is over: {run.status}.", "")
        if run.status is RunStatus.PENDING:
            after = replace(run, status=RunStatus.FAILED, started_at=NOW, finished_at=NOW, duration_ms=0)
        else:
            after = replace(run, cancel_requested_at=NOW, cancel_requested_by="ada")
        self.world.runs[self.world.runs.index(run)] = after
        self.tell("runs")
        return after

    def _job(self, job_id: UUID) -> tuple[int, JobOverview]:
        for place, overview in enumerate(self.world.jobs):
            if overview.job.id == job_id:
                return place, overview
        raise NotFoundError(f"There is no job {job_id}.", "List them with: bawt-console jobs list")


def _place(run: Run) -> tuple[datetime, UUID]:
    return (run.started_at or LATEST, run.id)


def _behind(run: Run, before: RunCursor | None) -> bool:
    return before is None or _place(run) < (before.started_at or LATEST, before.id)


def answers(run: Run, wanted: RunFilter) -> bool:
    """Whether the database would give this run for a filter."""
    return (
        (not wanted.statuses or run.status in wanted.statuses)
        and wanted.job_id in (None, run.job_id)
        and fnmatchcase(run.job_type, wanted.job_type or "*")
        and fnmatchcase(run.bot_id, wanted.bot_id or "*")
        and wanted.trigger in (None, run.trigger)
        and (wanted.since is None or run.started_at is None or run.started_at >= wanted.since)
        and (wanted.min_duration_ms is None or (run.duration_ms or -1) >= wanted.min_duration_ms)
    )


def console_on(
    source: FakeSource,
    *,
    failure: SchedulerError | None = None,
    keymap: Keymap | None = None,
    views: Views | None = None,
    open_at: str = "",
    tick: float | None = None,
) -> ConsoleApp:
    """A console on a fake, with the clock stopped at `NOW` in UTC.

    Args:
        tick: as for the console; by default nothing ticks.
        failure: what the first opening ends with.
    """
    failures = [] if failure is None else [failure]

    @asynccontextmanager
    async def opener() -> AsyncIterator[FakeSource]:
        if failures:
            raise failures.pop()
        yield source

    return ConsoleApp(
        opener,
        now=lambda: NOW,
        zone=UTC,
        tick=tick,
        keymap=keymap,
        # A person's own views are no business of a test.
        views=views or Views(Path("/nowhere/views.json")),
        open_at=open_at,
    )
