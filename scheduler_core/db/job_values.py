"""What the statements of `JobStore` take and give, as the scheduler and the tasks see it. No behaviour.

What a screen or a host sees is in `domain`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from scheduler_core.domain import NodeState, RunMode, RunStatus, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one claim did.

    Attributes:
        started: runs this node now holds.
        pending: how many runs now wait for a place.
        skipped: the rows of slots that did not become runs.
        overtaken: nothing was claimed, because somebody wrote the same run at the same moment; look again.
        placed: how many cron jobs got their next slot without a run, or were paused because they have none.
    """

    started: tuple["StartedRun", ...]
    pending: int
    skipped: tuple[UUID, ...]
    overtaken: bool = False
    placed: int = 0

    @property
    def rows(self) -> int:
        return len(self.started) + self.pending + len(self.skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronJob:
    """A cron job that needs its next slot. `at` is the database's time; the slot is due unless `unplaced`."""

    id: UUID
    cron: str
    time_zone: str
    next_run_at: datetime
    unplaced: bool
    config_json: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSlot:
    """A cron job's next slot and how many it missed, or why its expression cannot be read."""

    next_at: datetime | None = None
    missed: int = 0
    trouble: str | None = None


class StartedRun(NamedTuple):
    """A run this node now holds. `config_json` is None when the job was deleted meanwhile.

    A tuple, as `FinishedRun` is: both are made for every run, and a frozen dataclass costs six times as much.
    """

    id: UUID
    job_id: UUID | None
    job_type: str
    bot_id: str
    trigger: Trigger
    scheduled_for: datetime
    attempt: int
    coalesced: int
    config_json: str | None
    mode: RunMode = RunMode.RUN
    source_run_id: UUID | None = None


class FinishedRun(NamedTuple):
    """An outcome to record. `reason` belongs to skipped runs and `error_message` to failed ones.

    Attributes:
        plan: of a dry run, as JSON; stored in the transaction that records the outcome.
    """

    id: UUID
    status: RunStatus
    result_json: str | None = None
    error_message: str | None = None
    reason: str | None = None
    suspicious: tuple[str, ...] = ()
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRun:
    """A run that was closed because its node is gone. `config_json` is None when the job is gone too."""

    id: UUID
    job_type: str
    attempt: int
    error_message: str
    is_cancelled: bool
    config_json: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck:
    """News about a run this node holds, or thought it held."""

    id: UUID
    held: bool
    cancelled_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """What a node says about itself with every heartbeat. `lease` is in seconds.

    Attributes:
        role, queue: what it takes part in, and how tasks reach it; see `Settings`.
        capacity: runs it works on at the same time.
        job_limits: beside `job_types`: how many of each may run at once on all nodes together; None for any.
        models: in lower case; runs that need another one do not go there.
        memory_bytes: resident, the processes of its models included.
    """

    id: UUID
    name: str
    state: NodeState
    version: str
    job_types: tuple[str, ...]
    lease: float
    running: int
    model: str | None
    role: str = "both"
    queue: str = "in-process"
    capacity: int = 0
    job_limits: tuple[int | None, ...] = ()
    models: tuple[str, ...] = ()
    memory_bytes: int | None = None
