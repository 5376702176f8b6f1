"""A run of the demo's past as a row, and how many of them are written at once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from bawt_console.demo.jobs import DemoJob
from scheduler_core.db.connect import Connection


@dataclass(slots=True, kw_only=True)
class PastRun:
    """One run that is over. It is filled in step by step, then written.

    Attributes:
        seconds: how long it took; 0 for what was skipped at once.
        lines: seconds after the start, level and message of each line of its log.
    """

    id: UUID
    job: DemoJob
    bot: str
    scheduled_for: datetime
    started_at: datetime
    status: str = "skipped"
    trigger: str = "schedule"
    claim_seq: int | None = None
    coalesced: int = 0
    seconds: float = 0.0
    result: dict[str, Any] | None = None
    error: str | None = None
    reason: str | None = None
    suspicious: tuple[str, ...] = ()
    attempt: int = 1
    first_run_id: UUID | None = None
    node_id: UUID | None = None
    mode: str = "run"
    source_run_id: UUID | None = None
    cancelled_by: str | None = None
    lines: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.seconds)

    def skip(self, reason: str) -> None:
        self.status, self.reason, self.seconds, self.node_id = "skipped", reason, 0.0, None

    def fail(self, error: str, *, seconds: float) -> None:
        self.status, self.error, self.seconds, self.reason = "failed", error, seconds, None

    def succeed(self, result: dict[str, Any], *, seconds: float) -> None:
        self.status, self.result, self.seconds, self.reason = "success", result, seconds, None


def slot_run_id(job: UUID, claim_seq: int, bot: str, slot: datetime) -> UUID:
    """As the function `bawt_slot_run_id` of the schema makes it, so that nobody can run the slot again."""
    milliseconds = round(slot.timestamp() * 1000)
    # Not for secrecy; the schema uses the same.
    digest = hashlib.md5(f"{job}/{claim_seq}/{bot}".encode(), usedforsecurity=False).hexdigest()
    return UUID(f"{milliseconds:012x}{digest[:20]}")


def fresh_id(luck: Random, at: datetime) -> UUID:
    """An id for a run without a slot."""
    return UUID(f"{round(at.timestamp() * 1000):012x}{luck.getrandbits(80):020x}")


def follow_up(run: PastRun, luck: Random, *, after: float, trigger: str = "retry") -> PastRun:
    """The next attempt at a failed run, `after` seconds later."""
    start = run.ended_at + timedelta(seconds=after)
    return PastRun(
        id=fresh_id(luck, start),
        job=run.job,
        bot=run.bot,
        scheduled_for=run.scheduled_for,
        started_at=start,
        trigger=trigger,
        coalesced=run.coalesced,
        attempt=run.attempt + 1,
        first_run_id=run.first_run_id or run.id,
        node_id=run.node_id,
    )


async def write_runs(connection: Connection, runs: Sequence[PastRun]) -> None:
    """Adds the rows with their log lines."""
    await connection.copy_records_to_table("job_runs", columns=_COLUMNS, records=[_row(run) for run in runs])
    await write_lines(connection, runs)


async def write_lines(connection: Connection, runs: Sequence[PastRun]) -> None:
    """Adds the log lines alone."""
    lines = [
        (run.id, run.started_at + timedelta(seconds=after), level, message)
        for run in runs
        for after, level, message in run.lines
    ]
    await connection.copy_records_to_table(
        "job_run_events", columns=("run_id", "at", "level", "message"), records=lines
    )


async def rewrite_runs(connection: Connection, runs: Sequence[PastRun]) -> None:
    """Gives runs that are there their outcome."""
    await connection.executemany(
        "UPDATE job_runs SET status = $2, finished_at = $3, duration_ms = $4, result_json = $5, reason = $6,"
        " suspicious = $7, node_id = $8, slot = $9 WHERE id = $1",
        [
            (
                run.id,
                run.status,
                run.ended_at,
                round(run.seconds * 1000),
                _json(run.result),
                run.reason,
                list(run.suspicious),
                run.node_id,
                run.job.places or None,
            )
            for run in runs
        ],
    )


_COLUMNS = (
    "id",
    "job_id",
    "bot_id",
    "status",
    "started_at",
    "finished_at",
    "duration_ms",
    "result_json",
    "error_message",
    "job_type",
    "trigger",
    "scheduled_for",
    "claim_seq",
    "coalesced",
    "attempt",
    "first_run_id",
    "node_id",
    "slot",
    "created_at",
    "available_at",
    "reason",
    "suspicious",
    "mode",
    "source_run_id",
    "cancel_requested_at",
    "cancel_requested_by",
)


def _row(run: PastRun) -> tuple[object, ...]:
    made = run.scheduled_for if run.attempt == 1 else run.started_at - timedelta(seconds=0.02)
    return (
        run.id,
        run.job.id,
        run.bot,
        run.status,
        run.started_at,
        run.ended_at,
        round(run.seconds * 1000),
        _json(run.result),
        run.error,
        run.job.type,
        run.trigger,
        run.scheduled_for,
        run.claim_seq,
        run.coalesced,
        run.attempt,
        run.first_run_id,
        run.node_id,
        (run.job.places or None) if run.node_id is not None else None,
        made.astimezone(UTC),
        made.astimezone(UTC),
        run.reason,
        list(run.suspicious),
        run.mode,
        run.source_run_id,
        None if run.cancelled_by is None else run.ended_at - timedelta(seconds=0.2),
        run.cancelled_by,
    )


def _json(result: dict[str, Any] | None) -> str | None:
    return None if result is None else json.dumps(result, ensure_ascii=False)
