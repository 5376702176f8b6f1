"""What is promised about jobs and runs, as plain Python: no clock, no SQL, no nodes of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

LIMIT = 2
MOST_ATTEMPTS = 2
FAILURES_BEFORE_BACKING_OFF = 3
# Types whose runs may start as their slot is claimed, and one of them makes a run for each bot.
AT_ONCE = ("each", "free")
BOTS = ("ada", "eli")
ONE_BOT = ("b",)


@dataclass(slots=True)
class ModelJob:
    """A job. `missed` is None while it is not due, else the slots that passed before the one that is due;
    `unplaced` is a cron job whose next slot is not computed yet."""

    job_type: str
    overlap: str
    catch_up: str
    bots: tuple[str, ...] = ONE_BOT
    cron: bool = False
    unplaced: bool = False
    enabled: bool = True
    missed: int | None = None
    claim_seq: int = 0
    failures: int = 0
    backs_off: bool = False


@dataclass(slots=True)
class ModelRun:
    """A run. `available` is whether its delay is over; `job` is None when the job was deleted."""

    job: UUID | None
    job_type: str
    bot: str
    trigger: str
    status: str
    attempt: int = 1
    available: bool = True
    node: int | None = None


@dataclass(slots=True)
class Model:
    """All jobs and runs, and which nodes' leases are over."""

    jobs: dict[UUID, ModelJob] = field(default_factory=dict)
    runs: dict[UUID, ModelRun] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)

    def active(self, job: UUID, status: str, bot: str | None = None) -> Iterator[ModelRun]:
        return (
            run
            for run in self.runs.values()
            if run.job == job and run.status == status and bot in (None, run.bot)
        )

    def has(self, job: UUID, bot: str, status: str) -> bool:
        return any(self.active(job, status, bot))

    def due(self, *, cron: bool) -> list[UUID]:
        return [
            key
            for key, job in self.jobs.items()
            if job.enabled and job.missed is not None and job.cron == cron
        ]

    def targets(self, keys: list[UUID]) -> list[tuple[UUID, str]]:
        """The runs that a slot of each job would become."""
        return [(key, bot) for key in keys for bot in self.jobs[key].bots]

    def is_skipped(self, key: UUID, bot: str) -> bool:
        """What becomes of the due slot of a job."""
        job = self.jobs[key]
        return bool(
            job.backs_off
            or (job.missed and job.catch_up == "skip")
            or self.has(key, bot, "pending")
            or (self.has(key, bot, "running") and job.overlap == "skip")
        )

    def starts_at_once(self, key: UUID, bot: str) -> bool:
        """Whether a slot of this job may start as it is claimed, if there is a place."""
        job = self.jobs[key]
        may = job.job_type in AT_ONCE and not job.cron
        return may and not self.is_skipped(key, bot) and not self.has(key, bot, "running")

    def startable_at_once(self) -> list[UUID]:
        """Jobs whose next slot would be one run that starts as it is claimed."""
        return [
            key
            for key, job in self.jobs.items()
            if job.enabled and job.bots == ONE_BOT and self.starts_at_once(key, *ONE_BOT)
        ]

    def is_running(self, run: UUID, job: UUID) -> bool:
        return self.runs[run].job == job and self.runs[run].status == "running"

    def startable(self, capacity: int) -> int:
        """How many waiting runs start where there are `capacity` places."""
        waiting = [
            run
            for run in self.runs.values()
            if run.status == "pending"
            and run.available
            and run.job is not None
            and not self.has(run.job, run.bot, "running")
        ]
        limited = sum(run.job_type == "limited" for run in waiting)
        places = LIMIT - sum(
            run.job_type == "limited" and run.status == "running" for run in self.runs.values()
        )
        return min(capacity, len(waiting) - limited + min(limited, places))

    def lost(self) -> list[UUID]:
        return [key for key, run in self.runs.items() if run.status == "running" and run.node in self.expired]

    def end(self, key: UUID, status: str, *, retry: bool) -> bool:
        """A running run is over; returns whether another attempt is added."""
        run = self.runs[key]
        run.status = status
        job = self.jobs.get(run.job) if run.job is not None else None
        if job is None or run.job is None or not retry:
            return False
        return (job.enabled or run.trigger == "manual") and not self.has(run.job, run.bot, "pending")

    def count(self, keys: list[UUID]) -> None:
        """Runs ended at the same moment without another attempt; a job counts that once, however many of
        them are its own."""
        touched = {self.runs[run].job for run in keys}
        for key, job in self.jobs.items():
            if key not in touched:
                continue
            if any(self.runs[run].job == key and self.runs[run].status == "success" for run in keys):
                job.failures, job.backs_off = 0, False
            else:
                job.failures += 1
                job.backs_off = job.failures >= FAILURES_BEFORE_BACKING_OFF
