"""What charts and forecasts are made of: frozen values between statements, arithmetic and screens.

Nothing here computes a forecast or reads a row. Times are aware and in UTC, lateness and waits are seconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scheduler_core.domain import Job, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """Some runs in numbers.

    Attributes:
        running: started and not over.
        suspicious: among the successes.
        p50_ms, p95_ms: over the durations of the successes; None without one.
        longest_ms: of successes and failures.
        late_p50, late_p95, latest: seconds between slot and start, of first attempts at a slot; None without
            one. What was skipped, forced or tried again is not late.
    """

    success: int = 0
    failed: int = 0
    skipped: int = 0
    running: int = 0
    suspicious: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    longest_ms: int | None = None
    late_p50: float | None = None
    late_p95: float | None = None
    latest: float | None = None

    @property
    def runs(self) -> int:
        return self.success + self.failed + self.skipped + self.running

    @property
    def success_share(self) -> float | None:
        """Of the runs that were tried, 0 to 1; None when none was."""
        tried = self.success + self.failed
        return self.success / tried if tried else None


NO_RUNS = RunFigures()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChart:
    """The runs that started within a window, in steps of equal length, the oldest first.

    Attributes:
        job_id: None for all jobs.
        estimated: whether some step held more runs than are read of one. Its counts are then scaled up from
            the newest of them, which all other figures rest on.
    """

    job_id: UUID | None
    since: datetime
    step: timedelta
    steps: tuple[RunFigures, ...]
    whole: RunFigures
    estimated: bool = False

    @property
    def until(self) -> datetime:
        return self.since + self.step * len(self.steps)

    def start_of(self, place: int) -> datetime:
        return self.since + self.step * place


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHabit:
    """A job and how its latest runs went, for looking ahead.

    Attributes:
        bots: for which bots one slot makes runs; at least one.
        p50_ms, p95_ms: over latest successes and failures, which is how long a place was held.
        places: the highest numbered concurrency slot a run of it held; None if its type has no limit, or
            nothing is known of it.
        queues: whether a slot waits for the run before it rather than being skipped.
    """

    job: Job
    bots: tuple[str, ...]
    p50_ms: float | None
    p95_ms: float | None
    places: int | None = None
    queues: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    """A run that waits or runs now. `since` is its start, or the time from which it may start."""

    job_id: UUID | None
    job_type: str
    bot_id: str
    status: RunStatus
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Everything a forecast rests on, at one moment of the database's clock.

    Attributes:
        jobs: how many jobs there are, where `habits` are only those due next; None where they are all.
    """

    now: datetime
    habits: tuple[JobHabit, ...]
    active: tuple[ActiveRun, ...] = ()
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRun:
    """One run to come, or one that is there already. `due` is its slot."""

    bot_id: str
    due: datetime
    start: datetime
    end: datetime

    @property
    def wait(self) -> float:
        return (self.start - self.due).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What is to come of one job, with usual lengths.

    Attributes:
        long_runs: what is to come when every run takes long.
        skipped: slots that come while the run before is still there, or while the job backs off.
        worst_wait: the longest wait for a place, in seconds, when runs take as long as usual (p50).
        long_wait: the same when every run takes long (p95).
        is_guess: no run of this job ended yet, so its length is that of others of its type, or nothing.
    """

    job: Job
    runs: tuple[PredictedRun, ...]
    long_runs: tuple[PredictedRun, ...]
    skipped: int
    worst_wait: float
    long_wait: float
    is_guess: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """A job that waits for a place another one holds.

    Attributes:
        at: the slot of the longest wait.
        other: the job that holds the place; the same as `job` when its own bots wait for each other.
        wait, long_wait: the longest one with usual lengths (p50), and when every run takes long (p95).
        times: how often, with usual lengths; 0 when it only happens if runs take long.
    """

    at: datetime
    job: Job
    other: Job
    wait: float
    long_wait: float
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """How busy the model is.

    Attributes:
        spans, long_spans: when it is in use, in order, not touching each other; with usual lengths, and
            when every run takes long.
        share, long_share: of the time ahead, 0 to 1, with usual lengths and when every run takes long.
        together: seconds in which two jobs use it at once, so that both take longer than predicted.
        together_at: when that begins; None if never.
    """

    spans: tuple[tuple[datetime, datetime], ...]
    long_spans: tuple[tuple[datetime, datetime], ...]
    share: float
    long_share: float
    together: float
    together_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is to come between two moments. Paused jobs have no lane.

    Attributes:
        until: earlier than asked for where too many runs are ahead to predict them all.
        jobs, covered: how many jobs there are, and how many of them, those due next, this is about.
    """

    now: datetime
    until: datetime
    lanes: tuple[Lane, ...]
    collisions: tuple[Collision, ...]
    model: ModelUse
    paused: int
    is_cut: bool = False
    jobs: int = 0
    covered: int = 0
