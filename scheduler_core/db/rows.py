"""Rows of the driver into the values of `domain`, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeVar, cast

import asyncpg

from scheduler_core.domain import (
    EventLevel,
    Job,
    Node,
    NodeRole,
    NodeState,
    Outcome,
    Run,
    RunEvent,
    RunMode,
    RunStatus,
    Trigger,
)

Row = asyncpg.Record
T = TypeVar("T")


def _quick(frozen: type[T]) -> type[T]:
    """Makes the same values of a frozen dataclass with slots in a third of the time: it sets each field
    through `object.__setattr__`, and with thousands of rows of twenty fields that is what a page waits for.
    An open twin takes the fields and then becomes the real class, which has the same slots."""
    assert not hasattr(frozen, "__post_init__"), "it would not be called"

    def become(twin: object) -> None:
        twin.__class__ = frozen

    body: dict[str, Any] = {
        each.name: field(default=each.default, default_factory=each.default_factory)
        for each in fields(cast(Any, frozen))
    }
    body |= {"__annotations__": dict.fromkeys(body, Any), "__post_init__": become}
    return cast(type[T], dataclass(slots=True, kw_only=True, eq=False)(type(frozen.__name__, (), body)))


_Job, _Run = _quick(Job), _quick(Run)

# Looked up for every run; calling the enum takes five times as long.
_STATUSES = {str(status): status for status in RunStatus}
TRIGGERS = {str(trigger): trigger for trigger in Trigger}
MODES = {str(mode): mode for mode in RunMode}
RUN_COLUMNS = tuple(field.name for field in fields(Run))


def job_of(row: Row) -> Job:
    return _Job(
        id=row["id"],
        job_type=row["job_type"],
        bot_id=row["bot_id"],
        enabled=row["enabled"],
        interval_minutes=row["interval_minutes"],
        last_run_at=row["last_run_at"],
        next_run_at=row["next_run_at"],
        config_json=row["config_json"],
        claim_seq=row["claim_seq"],
        created_at=row["created_at"],
        paused_by=row["paused_by"],
        paused_reason=row["paused_reason"],
        paused_at=row["paused_at"],
        cron=row["cron"],
        time_zone=row["time_zone"],
        needs_slot=row["needs_slot"],
        failures=row["failures"],
        backoff_until=row["backoff_until"],
        needs_model=row["needs_model"],
    )


def run_of(row: Row | Mapping[str, Any]) -> Run:
    return _Run(
        id=row["id"],
        job_id=row["job_id"],
        job_type=row["job_type"],
        bot_id=row["bot_id"],
        status=_STATUSES[row["status"]],
        trigger=TRIGGERS[row["trigger"]],
        scheduled_for=row["scheduled_for"],
        claim_seq=row["claim_seq"],
        coalesced=row["coalesced"],
        attempt=row["attempt"],
        first_run_id=row["first_run_id"],
        node_id=row["node_id"],
        created_at=row["created_at"],
        available_at=row["available_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration_ms=row["duration_ms"],
        result_json=row["result_json"],
        error_message=row["error_message"],
        reason=row["reason"],
        progress=row["progress"],
        suspicious=tuple(row["suspicious"]),
        cancel_requested_at=row["cancel_requested_at"],
        cancel_requested_by=row["cancel_requested_by"],
        mode=MODES[row["mode"]],
        source_run_id=row["source_run_id"],
    )


def event_of(row: Row) -> RunEvent:
    return RunEvent(
        id=row["id"],
        run_id=row["run_id"],
        at=row["at"],
        level=EventLevel(row["level"]),
        message=row["message"],
    )


def node_of(row: Row) -> Node:
    return Node(
        id=row["id"],
        name=row["name"],
        state=NodeState(row["state"]),
        version=row["version"],
        started_at=row["started_at"],
        heartbeat_at=row["heartbeat_at"],
        running=row["running"],
        model=row["model"],
        job_types=tuple(row["job_types"]),
        role=NodeRole(row["role"]),
        queue=row["queue"],
        capacity=row["capacity"],
        models=tuple(row["models"]),
        memory_bytes=row["memory_bytes"],
    )


@lru_cache(maxsize=16)
def outcome_of(word: str) -> Outcome:
    """Reads `success` and `suspicious success`, as `pasts_of_jobs` writes them."""
    mark, _, status = word.rpartition(" ")
    return Outcome(RunStatus(status), suspicious=mark == "suspicious")
