"""What a job type is, and the factory that turns a claimed run into a typed task.

It runs nothing and touches no table.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scheduler_core.domain import EventLevel, RunMode, Trigger
from scheduler_core.errors import ConfigError, RunError
from scheduler_core.llm.provider import TokenSink


class JobConfig(BaseModel):
    """What every job's `config_json` may hold; job types add their own fields by inheriting.

    Attributes:
        timeout_seconds: how long one attempt may take; None means the type's own limit.
        max_attempts: attempts at one slot before giving up; None means the type's own number.
        overlap: what becomes of a slot while the job's last run is still running: `skip` it or `queue` it.
        catch_up: what becomes of slots missed while nothing ran: `coalesce` them into one run or `skip` them.
        jitter_seconds: the job's slots are later by a fixed amount below this, the same every time.
        needs_model: its runs start only on nodes that have this model, as screens show its name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    overlap: Literal["skip", "queue"] = "skip"
    catch_up: Literal["coalesce", "skip"] = "coalesce"
    jitter_seconds: Annotated[int, Field(ge=0, le=999_999)] = 0
    needs_model: Annotated[str, Field(min_length=1, max_length=300)] | None = None


class TaskContext(Protocol):
    """What a handler may use while it works."""

    @property
    def run_id(self) -> UUID: ...

    async def log(self, level: EventLevel, message: str) -> None:
        """Adds a line to the run's log. Name keys and counts, never a person's own text."""
        ...

    async def progress(self, text: str) -> None:
        """Replaces the one line that screens show beside the running run."""
        ...

    def writing(self, max_tokens: int) -> AbstractContextManager[TokenSink | None]:
        """To be entered while a model writes; what it gives hears every token, so that screens can tell how
        much is there and how fast it comes. None where nobody is told."""
        ...


class Task(NamedTuple):
    """One attempt, ready to run. `config` is an instance of the type's config model.

    A tuple, because one is made for every run, and a frozen dataclass costs three times as much.

    Attributes:
        mode: what the handler does with what it finds; never one that its kind does not list.
        source_run_id: the dry run to apply or the run to undo; None in the other modes.
    """

    run_id: UUID
    job_id: UUID | None
    kind: "JobKind"
    bot_id: str
    trigger: Trigger
    scheduled_for: datetime
    attempt: int
    config: JobConfig
    timeout: float
    max_attempts: int
    mode: RunMode = RunMode.RUN
    source_run_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """What a handler returns.

    Attributes:
        result: JSON-ready facts for `result_json`.
        skipped: why there was nothing to do; the run is then `skipped`, not `success`.
        suspicious: reasons to look at a success twice; empty for an ordinary one.
        plan: what a dry run would change, JSON-ready and complete: applying needs nothing else.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    skipped: str | None = None
    suspicious: tuple[str, ...] = ()
    plan: Mapping[str, Any] | None = None


Handler = Callable[[Task, TaskContext], Awaitable[TaskResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A job type as a host registers it.

    Attributes:
        name: the word in `job_type`.
        handler: does the work; must be idempotent, because a lost node's run is tried again.
        config: model of `config_json`.
        interval_minutes: a default job for all bots is made with this interval; None makes none.
        per_bot: whether `bot_id = '*'` becomes one run for each bot.
        max_running: how many runs of this type may run at once on all nodes together; None is no limit.
        timeout: seconds for one attempt; None takes the setting.
        max_attempts: None takes the setting.
        modes: what its handler can be asked for.
    """

    name: str
    handler: Handler
    config: type[JobConfig] = JobConfig
    interval_minutes: int | None = None
    per_bot: bool = False
    max_running: int | None = None
    timeout: float | None = None
    max_attempts: int | None = None
    modes: frozenset[RunMode] = frozenset({RunMode.RUN})


class JobKinds:
    """The job types one node knows."""

    def __init__(self) -> None:
        self._kinds: dict[str, JobKind] = {}

    def register(self, kind: JobKind) -> None:
        """
        Raises:
            ConfigError: the name is taken or is not a lower-case word.
        """
        if kind.name in self._kinds:
            raise ConfigError(
                f"The job type {kind.name} is registered twice.", "Give one of them another name."
            )
        if not kind.name.isascii() or not kind.name.isidentifier() or not kind.name.islower():
            raise ConfigError(
                f"{kind.name!r} cannot name a job type.", "Use lower-case letters, digits and underscores."
            )
        self._kinds[kind.name] = kind

    def __iter__(self) -> Iterator[JobKind]:
        return iter(self._kinds.values())

    def __getitem__(self, name: str) -> JobKind:
        return self._kinds[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._kinds)

    @property
    def per_bot(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self if kind.per_bot)

    @property
    def unlimited(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self if kind.max_running is None)

    @property
    def limits(self) -> dict[str, int | None]:
        return {kind.name: kind.max_running for kind in self}


class ClaimedRun(Protocol):
    """The columns of a started run that make a task."""

    @property
    def id(self) -> UUID: ...
    @property
    def job_id(self) -> UUID | None: ...
    @property
    def job_type(self) -> str: ...
    @property
    def bot_id(self) -> str: ...
    @property
    def trigger(self) -> Trigger: ...
    @property
    def scheduled_for(self) -> datetime: ...
    @property
    def attempt(self) -> int: ...
    @property
    def config_json(self) -> str | None: ...
    @property
    def mode(self) -> RunMode: ...
    @property
    def source_run_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFactory:
    """Makes tasks. `timeout` (seconds) and `max_attempts` hold where neither job nor type says more."""

    kinds: JobKinds
    timeout: float
    max_attempts: int

    def task_of(self, run: ClaimedRun) -> Task:
        """
        Raises:
            RunError: `config_json` is not a JSON object or does not fit the type, or the type cannot do
                what was asked of it; never retryable.
        """
        kind = self.kinds[run.job_type]
        if run.mode not in kind.modes:
            able = ", ".join(sorted(kind.modes))
            raise RunError(
                f"{kind.name} does not support {run.mode}.", f"It supports: {able}.", retryable=False
            )
        config = parse_config(kind.config, run.config_json)
        return Task(
            run_id=run.id,
            job_id=run.job_id,
            kind=kind,
            bot_id=run.bot_id,
            trigger=run.trigger,
            scheduled_for=run.scheduled_for,
            attempt=run.attempt,
            config=config,
            timeout=config.timeout_seconds or kind.timeout or self.timeout,
            max_attempts=config.max_attempts or kind.max_attempts or self.max_attempts,
            mode=run.mode,
            source_run_id=run.source_run_id,
        )


@lru_cache(maxsize=1024)
def parse_config(model: type[JobConfig], text: str | None) -> JobConfig:
    """Reads `config_json`; names the field that does not fit, and does not repeat its value."""
    hint = "Correct config_json of the job; the schedule goes on."
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise RunError(f"config_json is not valid JSON{place}.", hint, retryable=False) from None
    if not isinstance(value, dict):
        raise RunError("config_json is not a JSON object.", hint, retryable=False)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in detail['loc']) or 'the object'}: {_fault(detail['msg'])}"
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise RunError(f"config_json does not fit: {faults}.", hint, retryable=False) from None
    except Exception as error:  # noqa: BLE001 - the border: a host's own validator may raise anything
        # Its message may quote a person's text.
        raise RunError(
            f"config_json does not fit: its check raised {type(error).__name__}.", hint, retryable=False
        ) from None


def _fault(message: str) -> str:
    if message.startswith("Extra inputs"):
        return "unknown field"
    return message.removeprefix("Value error, ")
