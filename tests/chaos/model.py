"""What is promised about jobs and runs, as plain Python: no clock, no SQL, no nodes of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

LIMIT = 2
MOST_ATTEMPTS = 2
FAILURES_BEFORE_BACKING_OFF = 3


@dataclass(slots=True)
class ModelJob:
    """A job. `missed` is None while it is not due, else the slots that passed before the one that is due."""

    job_type: str
    overlap: str
    catch_up: str
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

    def active(self, job: UUID, status: str) -> Iterator[ModelRun]:
        return (run for run in self.runs.values() if run.job == job and run.status == status)

    def has(self, job: UUID, status: str) -> bool:
        return any(self.active(job, status))

    def due(self) -> list[UUID]:
        return [key for key, job in self.jobs.items() if job.enabled and job.missed is not None]

    def is_skipped(self, key: UUID) -> bool:
        """What becomes of the due slot of a job."""
        job = self.jobs[key]
        return bool(
            job.backs_off
            or (job.missed and job.catch_up == "skip")
            or self.has(key, "pending")
            or (self.has(key, "running") and job.overlap == "skip")
        )

    def starts_at_once(self, key: UUID) -> bool:
        """Whether a slot of this job may start as it is claimed, if there is a place."""
        free = self.jobs[key].job_type == "free"
        return free and not self.is_skipped(key) and not self.has(key, "running")

    def startable_at_once(self) -> list[UUID]:
        """Jobs whose next slot would start as it is claimed."""
        return [key for key, job in self.jobs.items() if job.enabled and self.starts_at_once(key)]

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
            and not self.has(run.job, "running")
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
        if job is None or run.job is None:
            return False
        if status == "failed" and retry:
            return (job.enabled or run.trigger == "manual") and not self.has(run.job, "pending")
        if status == "success":
            job.failures, job.backs_off = 0, False
        else:
            job.failures += 1
            job.backs_off = job.failures >= FAILURES_BEFORE_BACKING_OFF
        return False
