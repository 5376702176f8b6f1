"""The nouns of the scheduler: enums and frozen values that cross borders between modules.

Nothing here knows the database, a model or a screen. All times are aware and in UTC; durations are
milliseconds where the name says `_ms` and seconds otherwise.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

ALL_BOTS = "*"

# By another name, because `Change` has an attribute called object.
JsonValue: TypeAlias = object

# A due job is claimed within milliseconds; this long after its slot it counts as late.
LATE_AFTER_SECONDS = 5.0

# What a list of jobs holds at most; of more than that, those that are due next or fit a filter.
JOBS_SHOWN = 1000

# Slots of a cron expression are found one by one, while the job's row is held; an interval's are computed.
MOST_CRON_SLOTS = 1_000


class JobType(StrEnum):
    """The built-in job types. Hosts register further ones under their own names."""

    PROFILE_MAINTENANCE = "profile_maintenance"
    MEMORY_CONSOLIDATION = "memory_consolidation"
    MEMORY_DECAY = "memory_decay"


class RunStatus(StrEnum):
    """Exactly the five words of `job_runs.status`. Cancelled and timed out are `failed`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        return self not in (RunStatus.PENDING, RunStatus.RUNNING)


class Trigger(StrEnum):
    """Why a run exists: its slot came, a person asked, or an earlier attempt failed."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    RETRY = "retry"


class RunMode(StrEnum):
    """What a run does with what it finds out.

    RUN changes data. DRY_RUN stores a plan and changes nothing. APPLY does exactly what an earlier dry run
    planned, or nothing if its source changed. UNDO takes back what an earlier run changed.
    """

    RUN = "run"
    DRY_RUN = "dry_run"
    APPLY = "apply"
    UNDO = "undo"


class EntityType(StrEnum):
    USER = "user"
    BOT = "bot"


class EventLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class NodeState(StrEnum):
    """`lost` is never stored: it is what readers call an active node whose lease expired."""

    ACTIVE = "active"
    DRAINING = "draining"
    STOPPED = "stopped"
    LOST = "lost"


class NodeRole(StrEnum):
    """What a node takes part in: claiming slots, doing runs, or both."""

    BOTH = "both"
    SCHEDULER = "scheduler"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of `scheduled_jobs`.

    Attributes:
        cron: five fields, in `time_zone`; takes the place of the interval.
        needs_slot: a cron job whose next slot no node has computed yet.
        failures: in a row; slots before `backoff_until` are skipped.
        needs_model: from `config_json`, in lower case; its runs start only where that model is.
    """

    id: UUID
    job_type: str
    bot_id: str
    enabled: bool
    interval_minutes: int
    last_run_at: datetime | None
    next_run_at: datetime
    config_json: str
    claim_seq: int
    created_at: datetime
    paused_by: str | None = None
    paused_reason: str | None = None
    paused_at: datetime | None = None
    cron: str | None = None
    time_zone: str = "UTC"
    needs_slot: bool = False
    failures: int = 0
    backoff_until: datetime | None = None
    needs_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of `job_runs`: one attempt, or one slot that was skipped.

    `job_id` is None once the job was deleted; type and bot stay readable. `first_run_id` points at the
    first attempt for a retry, and is None for a first attempt. `reason` says why a run was skipped.
    `coalesced` counts the earlier slots this run stands for; those of a cron job are counted up to
    `MOST_CRON_SLOTS`. `progress` is a short line for screens.
    `source_run_id` is the dry run that this one applies or the run that it undoes.
    """

    id: UUID
    job_id: UUID | None
    job_type: str
    bot_id: str
    status: RunStatus
    trigger: Trigger
    scheduled_for: datetime
    claim_seq: int | None
    coalesced: int
    attempt: int
    first_run_id: UUID | None
    node_id: UUID | None
    created_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    result_json: str | None
    error_message: str | None
    reason: str | None
    progress: str | None
    suspicious: tuple[str, ...]
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    mode: RunMode = RunMode.RUN
    source_run_id: UUID | None = None

    @property
    def coalesced_bound(self) -> str:
        """What goes before `coalesced` in a sentence: nothing, or `at least ` where counting may have
        stopped."""
        return "at least " if self.coalesced == MOST_CRON_SLOTS else ""


def short_run_id(run_id: UUID) -> str:
    """The first 18 characters: the slot's time takes 13 of them, and runs of one slot share it."""
    return str(run_id)[:18]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One log line of a run. Messages name entities and keys, never a person's own text."""

    id: int
    run_id: UUID
    at: datetime
    level: EventLevel
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A text that a model is writing for a run right now. It is in no table: consoles that listen hear of it.

    Attributes:
        max_tokens: the most it may become.
        seconds: since the model was asked.
        first_token_seconds: how long the first token took; None before it.
        tokens_per_second: None until that can be told.
        repeats: whether it goes in circles.
        is_over: the last word about it.
        text: its end, from the character `start` on; None where the node keeps texts to itself.
    """

    run_id: UUID
    tokens: int
    max_tokens: int
    seconds: float
    first_token_seconds: float | None = None
    tokens_per_second: float | None = None
    repeats: bool = False
    is_over: bool = False
    text: str | None = None
    start: int = 0

    @property
    def seconds_left(self) -> float | None:
        """At most, as fast as it goes now; None until that can be told."""
        if not self.tokens_per_second:
            return None
        return max(0, self.max_tokens - self.tokens) / self.tokens_per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class LogExtent:
    """How long a log is.

    Attributes:
        lines: all of it.
        place: how many of them come before a reader's place, or are it.
    """

    lines: int = 0
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One scheduler process that uses this database, and what it can do.

    Attributes:
        queue: how tasks reach it: `in-process`, or `pgqueuer` from any scheduler.
        capacity: runs it works on at the same time; 0 where it works on none or does not say.
        models: in lower case; runs that need another one do not go there.
        memory_bytes: resident at the last heartbeat, the processes of its models included; None where it does
            not say.
    """

    id: UUID
    name: str
    state: NodeState
    version: str
    started_at: datetime
    heartbeat_at: datetime
    running: int
    model: str | None
    job_types: tuple[str, ...] = ()
    role: NodeRole = NodeRole.BOTH
    queue: str = "in-process"
    capacity: int = 0
    models: tuple[str, ...] = ()
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOverview:
    """A job with what an operator wants beside it.

    Attributes:
        current: the run that is running, else the oldest pending one, else None.
        last: the latest finished ordinary run (skipped ones included), else None. Dry runs, and what applies
            or takes back another run, say nothing about how the job does; this goes for all that follows.
        strip: the outcome of up to 30 latest finished runs, oldest first; a suspicious success is marked.
        p50_ms, p95_ms: over the durations of up to 200 latest successes; None without one.
        lateness: seconds between the slot and now while a due, enabled job has not been claimed, else 0.
        share_ok: of the successes and failures of seven days (of up to 200 latest runs); None without any.
        p95_start_delay: seconds from slot to start, over the same runs; None without scheduled ones.
    """

    job: Job
    current: Run | None
    last: Run | None
    strip: tuple["Outcome", ...]
    p50_ms: float | None
    p95_ms: float | None
    lateness: float
    share_ok: float | None = None
    p95_start_delay: float | None = None

    def with_past(self, past: "JobPast") -> "JobOverview":
        """The same job with what its latest runs tell."""
        return replace(
            self,
            strip=past.strip,
            p50_ms=past.p50_ms,
            p95_ms=past.p95_ms,
            share_ok=past.share_ok,
            p95_start_delay=past.p95_start_delay,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPast:
    """What the latest runs of a job tell; see `JobOverview`."""

    strip: tuple["Outcome", ...] = ()
    p50_ms: float | None = None
    p95_ms: float | None = None
    share_ok: float | None = None
    p95_start_delay: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    status: RunStatus
    suspicious: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; the default lists all. Patterns use `*` and match the whole word, in any case.

    Attributes:
        states: of `JOB_STATES`; empty means every state.
        words: each has to occur in what the job or its latest run says, in any case of letters.
    """

    job_id: UUID | None = None
    job_type: str | None = None
    bot_id: str | None = None
    states: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


EVERY_JOB = JobFilter()
# What an operator needs to know first of a job; `matching_jobs.sql` says which one it is in.
JOB_STATES = ("running", "paused", "pending", "late", "new", "ok", "suspicious", "failed", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; the default lists all. Patterns use `*` and match the whole word.

    Attributes:
        statuses: empty means every status.
        since: only runs that started at or after it (waiting runs always match).
        min_duration_ms: only finished runs at least this long.
    """

    statuses: frozenset[RunStatus] = frozenset()
    job_id: UUID | None = None
    job_type: str | None = None
    bot_id: str | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    min_duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFilter:
    """Which profiles; the empty one means all.

    Attributes:
        words: each has to occur in the id or the display name, in any case of letters.
    """

    type: "EntityType | None" = None
    states: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFilter:
    """Which memories; the default means all.

    Attributes:
        bot: `*` stands for anything.
        words: each has to occur in the text, or be the id.
        scores, importances: smallest and largest; one without a score passes.
    """

    bot: str | None = None
    tag: str | None = None
    words: tuple[str, ...] = ()
    scores: tuple[float, float] = (-math.inf, math.inf)
    importances: tuple[float, float] = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class RunCursor:
    """The last run of a page, newest first; waiting runs (no start yet) come before all others."""

    started_at: datetime | None
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationPoint:
    """One finished run in a duration chart."""

    run_id: UUID
    started_at: datetime
    duration_ms: int
    status: RunStatus


@dataclass(frozen=True, slots=True)
class Entity:
    """Whose profile: `user/ada` or `bot/nova`. Ids are lower-cased, as llm-bawt stores them."""

    type: EntityType
    id: str

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One row of `entity_profile_attributes`: something once said or inferred about an entity.

    Attributes:
        value: any JSON value as Python has it; nearly always text.
        confidence: 0 to 1.
        source: `explicit` (the person said it), `inferred` or `system`.
        pinned: a person wants it in every summary.
    """

    id: int
    category: str
    key: str
    value: object
    confidence: float
    source: str
    created_at: datetime
    updated_at: datetime
    source_message_id: str | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of a summary and the attribute ids it rests on; never empty ones."""

    text: str
    category: str
    attribute_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One row of `entity_profiles`.

    `revision` counts every change to the entity's attributes (the database counts, by trigger), and
    `summarised_revision` is the one the live summary was made from. `summary_model` is the checksum of
    the model that wrote it, the empty text when no model did, and None when there is no summary.
    """

    entity: Entity
    display_name: str | None
    summary: str | None
    summary_updated_at: datetime | None
    revision: int
    summarised_revision: int | None
    summary_model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileVersion:
    """An immutable published summary. Version numbers count from 1 for each entity."""

    entity: Entity
    version: int
    run_id: UUID | None
    created_at: datetime
    summary: str
    sentences: tuple[Sentence, ...]
    revision: int
    model: str | None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What one run did to one summary: the version before (None for the first) and after."""

    before: ProfileVersion | None
    after: ProfileVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a run did, or a dry run would do, to one thing, whatever the job.

    Attributes:
        object: its name, such as `user/ada`.
        before, after: JSON values; None where it did not or will not exist. Lists of objects with `text`
            are read as sentences, and their `attribute_ids` as what they rest on.
        why: one sentence; may be empty.
    """

    object: str
    before: JsonValue
    after: JsonValue
    why: str = ""
