"""What an operator looks back on: what people did, how the database is, and what happened meanwhile.

Frozen values like those of `domain`; nothing here knows the database or a screen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from scheduler_core.domain import Job, JobType, Run, RunMode, RunStatus

NAMED_BY_JOB = frozenset({"job", "run"})
"""Kinds of objects that are called by their job; others by their own name, whatever run was needed."""


APPLIED_NOTHING = "Applying failed, so it changed nothing."


def applied_nothing(mode: RunMode, status: RunStatus, job_type: str) -> bool:
    """Whether a run is an apply that left everything as it was.

    The built-in types make a plan's changes in one transaction, which a failure takes back; what a host's own
    type did before it failed is not known.
    """
    return mode is RunMode.APPLY and status is RunStatus.FAILED and job_type in set(JobType)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction:
    """One row of `operator_actions`, and what decides whether it can be taken back.

    Attributes:
        actor: who and from where, such as `ada@attic console`.
        action: `pause`, `resume`, `force_run`, `cancel`, …; hosts may write further ones.
        object_name: the job's type and bot, where the object is a job or a run that still exists.
        job_id, run_id: where to look: the job, and the run that it was done to or that came of it.
        undoes: the action that this one took back.
        obstacle: why it cannot be taken back now, as a sentence; None when it can.
        undoing: what taking it back would do, as a sentence; empty when it cannot.
    """

    id: int
    at: datetime
    actor: str
    action: str
    object_type: str
    object_id: str
    object_name: str
    reason: str | None
    details: Mapping[str, object] = field(default_factory=dict)
    job_id: UUID | None = None
    run_id: UUID | None = None
    undoes: int | None = None
    obstacle: str | None = None
    undoing: str = ""

    @property
    def called(self) -> str:
        """What the object is called."""
        named = self.object_type in NAMED_BY_JOB and self.object_name
        return self.object_name if named else self.object_id


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseHealth:
    """How the database is.

    Attributes:
        schema: number of the schema's latest migration.
        started_at: when the server was started.
        connections, most_connections: of the whole server, those for its own use left out of neither.
        waiting: sessions of this database that wait for a lock another one holds.
        oldest_transaction_seconds: how long the oldest open transaction has been keeping old rows alive.
        runs: stored runs as the server estimates them; -1 where it has not counted yet.
        folder: where an embedded server keeps its files; None for others, or where that is secret.
    """

    version: str
    schema: str
    started_at: datetime
    size_bytes: int
    connections: int
    most_connections: int
    waiting: int
    oldest_transaction_seconds: float
    runs: int
    runs_bytes: int
    folder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRun:
    """A run that took long for its job. `p50_ms` is over the job's latest successes."""

    run: Run
    p50_ms: float

    @property
    def times(self) -> float:
        """How many times as long as usual."""
        return (self.run.duration_ms or 0) / self.p50_ms if self.p50_ms > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What happened between two moments.

    Attributes:
        counts: runs that started in between, by status.
        recovered: failures that succeeded when tried again; also counted as failures, and not listed.
        suspicious: successes that look wrong; also counted as successes.
        overlapped: slots skipped because the run before had not ended; also counted as skipped.
        missed: slots that passed while nobody could claim them; a later run stands for them.
        undone: runs that took back another one and succeeded.
        counted_from: later than `since` where there were too many runs to count all of them.
        failures, odd, undoings: the newest of each kind.
        slowest: the successes that took longest for their job, worst first.
        paused: the jobs that are paused now.
    """

    since: datetime
    until: datetime
    counts: Mapping[RunStatus, int]
    suspicious: int
    overlapped: int
    missed: int
    undone: int
    counted_from: datetime
    failures: tuple[Run, ...]
    odd: tuple[Run, ...]
    undoings: tuple[Run, ...]
    slowest: tuple[SlowRun, ...]
    paused: tuple[Job, ...]
    recovered: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def count(self, status: RunStatus) -> int:
        return self.counts.get(status, 0)

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing that a person should look at."""
        lost = self.count(RunStatus.FAILED) - self.recovered
        return not (lost or self.suspicious or self.missed or self.paused)
