"""Where the screens get everything from: one object, whether the scheduler runs here or elsewhere.

It forwards to the stores and keeps no state of its own beyond the connections. It knows no screen.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from bawt_console.formatting import ATTACHED as ATTACHED
from bawt_console.formatting import EMBEDDED as EMBEDDED
from bawt_console.generations import Generations
from bawt_console.job_list import JobList
from bawt_console.log_window import LogPages
from bawt_console.measures import DatabaseMeasures, Measures
from bawt_console.model_shelf import ModelShelf
from bawt_console.records import DatabaseRecords, Records
from bawt_console.shelf import Shelf
from bawt_console.visits import Visits
from bawt_console.work import DatabaseWork, Work
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.lookback import Lookback
from scheduler_core.db.notify import GENERATION_CHANNEL, ChangeFeed
from scheduler_core.db.operations import Operations
from scheduler_core.db.operator_log import OperatorLog
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.db.run_log import RunLog
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
)
from scheduler_core.errors import SchedulerError
from scheduler_core.oversight import Brief, DatabaseHealth, OperatorAction

POOL_SIZE = 4


@dataclass(frozen=True, slots=True)
class Link:
    """How the connection is doing.

    Attributes:
        age: seconds since the database was last heard of.
        retry_in: seconds until the next attempt; None while connected.
    """

    connected: bool
    age: float
    retry_in: float | None = None
    error: SchedulerError | None = None


class Source(Protocol):
    """What screens may ask for and do. Every method may raise a SchedulerError."""

    @property
    def label(self) -> str:
        """The database, as a screen may show it."""
        ...

    @property
    def mode(self) -> str:
        """`EMBEDDED` or `ATTACHED`."""
        ...

    @property
    def model(self) -> str | None:
        """Name and locality of this process's model; None without one, or when nodes report theirs."""
        ...

    @property
    def read_only(self) -> bool: ...

    @property
    def models(self) -> Shelf | None:
        """The models of this machine; None where nobody said where they lie."""
        ...

    @property
    def last_visit(self) -> datetime | None:
        """When this person last left this database; None if that is not known."""
        ...

    @property
    def records(self) -> Records:
        """Profiles and memories."""
        ...

    @property
    def measures(self) -> Measures:
        """Charts and the forecast."""
        ...

    @property
    def logs(self) -> LogPages:
        """What runs wrote while they ran."""
        ...

    @property
    def generations(self) -> Generations:
        """What models are writing right now."""
        ...

    @property
    def work(self) -> Work:
        """Dry runs, retries, undo, edits, and actions on many jobs."""
        ...

    def refusal(self, action_id: str) -> str | None:
        """Why this database can never be asked for an action that changes something; None when it can."""
        ...

    def link(self) -> Link: ...

    def changes(self) -> AsyncIterator[frozenset[str]]:
        """Sets of "jobs", "runs", "events", "nodes", "profiles", "memories"; every kind after a reconnect."""
        ...

    @property
    def jobs_missing(self) -> int:
        """How many jobs came without what their runs tell; calling `jobs` again brings more."""
        ...

    @property
    def jobs_total(self) -> int:
        """How many jobs there are, as of the last `jobs`, which gives some where there are very many."""
        ...

    @property
    def jobs_known(self) -> Sequence[JobOverview]:
        """All jobs as `jobs` last gave them, without asking anybody; none before."""
        ...

    async def jobs(self, wanted: JobFilter = EVERY_JOB, *, first_page: bool = False) -> list[JobOverview]:
        """The jobs that fit; see `JobList.jobs`."""
        ...

    async def runs(
        self, wanted: RunFilter, *, before: RunCursor | None = None, limit: int = 300
    ) -> list[Run]: ...

    async def run(self, run_id: UUID) -> Run: ...

    async def attempts(self, run: Run) -> list[Run]: ...

    async def events(self, run_id: UUID, *, after: int = 0, limit: int = 1000) -> list[RunEvent]: ...

    async def durations(self, job_id: UUID, *, limit: int = 200) -> list[DurationPoint]: ...

    async def nodes(self) -> list[Node]: ...

    async def running_runs(self) -> list[Run]: ...

    async def health(self) -> DatabaseHealth: ...

    async def brief(self, since: datetime) -> Brief: ...

    async def actions(self, *, before: int | None = None, limit: int = 300) -> list[OperatorAction]: ...

    async def undo_action(self, action_id: int) -> str: ...

    async def changes_of_run(self, run_id: UUID) -> list[ProfileChange]: ...

    async def attributes(self, entity: Entity) -> tuple[Attribute, ...]: ...

    async def force_run(self, job_id: UUID) -> list[Run]: ...

    async def pause(self, job_id: UUID, *, reason: str | None = None) -> Job: ...

    async def resume(self, job_id: UUID) -> Job: ...

    async def cancel(self, run_id: UUID) -> Run: ...


class JobOperations(Protocol):
    """What every database can be asked to do to jobs and runs."""

    async def force_run(self, job_id: UUID) -> list[Run]: ...

    async def pause(self, job_id: UUID, *, reason: str | None = None) -> Job: ...

    async def resume(self, job_id: UUID) -> Job: ...

    async def cancel(self, run_id: UUID) -> Run: ...


class DatabaseSource:
    """The stores of one database behind `Source`.

    Args:
        label: see `Source`; usually `Address.label`.
        mode: `EMBEDDED` or `ATTACHED`.
    """

    def __init__(
        self,
        *,
        history: History,
        operations: JobOperations,
        profiles: ProfileStore,
        lookback: Lookback,
        operator_log: OperatorLog,
        feed: ChangeFeed,
        generations: Generations,
        records: Records,
        measures: Measures,
        logs: LogPages,
        work: Work,
        label: str,
        mode: str,
        model: str | None = None,
        read_only: bool = False,
        models: ModelShelf | None = None,
        last_visit: datetime | None = None,
    ) -> None:
        self.label = label
        self.mode = mode
        self.model = model
        self.read_only = read_only
        self.records = records
        self.measures = measures
        self.logs = logs
        self.generations = generations
        self.work = work
        self.models = models
        self.last_visit = last_visit
        self._feed = feed
        self._job_list = JobList(history)
        self.jobs = self._job_list.jobs
        self.run = history.run
        self.attempts = history.attempts
        self.events = history.events
        self.durations = history.durations
        self.nodes = history.nodes
        self.running_runs = lookback.running_runs
        self.health = lookback.health
        self.brief = lookback.brief
        self.actions = operator_log.actions
        self.undo_action = operator_log.undo_action
        self.runs = history.runs
        self.changes_of_run = profiles.changes_of_run
        self.attributes = profiles.attributes
        self.force_run = operations.force_run
        self.pause = operations.pause
        self.resume = operations.resume
        self.cancel = operations.cancel

    @property
    def jobs_missing(self) -> int:
        return self._job_list.missing

    @property
    def jobs_total(self) -> int:
        return self._job_list.total

    @property
    def jobs_known(self) -> Sequence[JobOverview]:
        return self._job_list.latest

    def refusal(self, action_id: str) -> str | None:
        return None

    def link(self) -> Link:
        state = self._feed.state
        age = time.monotonic() - state.since if state.since else 0.0
        return Link(state.connected, max(0.0, age), state.retry_in, state.error)

    def changes(self) -> AsyncIterator[frozenset[str]]:
        return self._feed.subscribe()


def open_source(
    address: Address,
    *,
    actor: str,
    mode: str,
    model: str | None = None,
    read_only: bool = False,
    per_bot_types: Sequence[str] = (),
    extra_bots: Sequence[str] = (),
    models: ModelShelf | None = None,
    visits: Visits | None = None,
) -> AbstractAsyncContextManager[Source]:
    """A source with its own small pool and its own LISTEN connection, both closed on leaving.

    Args:
        actor: who acts, for the audit, such as `ada@attic console`.
        read_only: the database session then refuses every write.
        per_bot_types, extra_bots: as for `Operations`.
        models: of this machine; closed on leaving.
        visits: where this visit is noted, now and on leaving; None for nowhere.

    Raises:
        DatabaseError: on entering, when the database does not answer.
    """
    return _open(address, actor, mode, model, read_only, per_bot_types, extra_bots, models, visits)


@asynccontextmanager
async def _open(
    address: Address,
    actor: str,
    mode: str,
    model: str | None,
    read_only: bool,
    per_bot_types: Sequence[str],
    extra_bots: Sequence[str],
    models: ModelShelf | None,
    visits: Visits | None,
) -> AsyncIterator[Source]:
    application = "bawt-console"
    database = Database.open(address, pool_size=POOL_SIZE, application=application, read_only=read_only)
    generations = Generations()
    feed = ChangeFeed(address, f"{application} listen", also={GENERATION_CHANNEL: generations.heard})
    try:
        history = History(database)
        # Asked once here, so that a wrong address fails the start and not every screen.
        await history.nodes()
        operations = Operations(database, actor=actor, per_bot_types=per_bot_types, extra_bots=extra_bots)
        async with listening(feed, address, visits=visits, models=models) as last_visit:
            yield DatabaseSource(
                history=history,
                operations=operations,
                profiles=ProfileStore(database),
                lookback=Lookback(database),
                operator_log=OperatorLog(database, operations, actor=actor),
                feed=feed,
                generations=generations,
                records=DatabaseRecords(database, actor=actor),
                measures=DatabaseMeasures(database, bots=extra_bots),
                logs=RunLog(database),
                work=DatabaseWork(database, history=history, operations=operations),
                label=address.label,
                mode=mode,
                model=model,
                read_only=read_only,
                models=models,
                last_visit=last_visit,
            )
    finally:
        await database.aclose()


@asynccontextmanager
async def listening(
    feed: ChangeFeed, address: Address, *, visits: Visits | None, models: ModelShelf | None
) -> AsyncIterator[datetime | None]:
    """The feed runs and the visit counts while inside; gives when the one before ended."""
    last_visit = None if visits is None else await asyncio.to_thread(_begin_visit, visits, address.label)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(feed.run(), name="change feed")
        try:
            yield last_visit
        finally:
            task.cancel()
            if visits is not None:
                visits.note(address.label)
            if models is not None:
                await models.aclose()


def _begin_visit(visits: Visits, database: str) -> datetime | None:
    """When the one before ended; this one counts from now, should nobody live to note its end."""
    last = visits.last(database)
    visits.note(database)
    return last
