"""The columns of every list of runs: all history, the runs of one job, the attempts at one slot."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from enum import Enum

from bawt_console.formatting import (
    Phrase,
    Tone,
    counted,
    duration,
    joined,
    local_time,
    one_line,
    phrase,
    run_mode,
    run_state,
)
from bawt_console.widgets.columns import Column
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Run, RunStatus


class RunList(Enum):
    """Which columns a list of runs needs."""

    HISTORY = "history"
    OF_JOB = "of job"


def run_table(
    kind: RunList,
    *,
    now: Callable[[], datetime],
    zone: tzinfo | None,
    id: str,  # noqa: A002 - Textual's own name
) -> LiveTable[Run]:
    """A table with one row a run."""
    return LiveTable(_columns(kind, zone), key=lambda run: run.id, now=now, id=id)


def run_length(run: Run, now: datetime) -> Phrase:
    """How long it took, or how long it has been running."""
    if run.status is RunStatus.RUNNING and run.started_at is not None:
        milliseconds = max(0.0, (now - run.started_at).total_seconds()) * 1000
        return phrase(duration(round(milliseconds, -3)), Tone.RUNNING)
    if run.status is RunStatus.SKIPPED:
        return phrase("–", Tone.FAINT)
    return phrase(duration(run.duration_ms))


def run_remark(run: Run) -> Phrase:
    """The one thing worth knowing: why it failed or was skipped, what it does, what is odd about it.

    What is no usual run says so first, because its state alone would tell another story.
    """
    parts = [phrase(run_mode(run), Tone.ACCENT)]
    if run.error_message:
        parts.append(phrase(run.error_message, Tone.FAILED if run.status is RunStatus.FAILED else Tone.MUTED))
    if run.suspicious:
        parts.append(phrase(", ".join(run.suspicious), Tone.SUSPICIOUS))
    if run.reason:
        parts.append(phrase(run.reason, Tone.MUTED))
    if run.status is RunStatus.RUNNING and run.cancel_requested_at is not None:
        parts.append(phrase("stopping", Tone.LATE))
    if run.progress and not run.status.is_final:
        parts.append(phrase(run.progress, Tone.RUNNING))
    if run.coalesced:
        slots = f"{run.coalesced_bound}{counted(run.coalesced, 'missed slot')}"
        parts.append(phrase(f"stands for {slots} too", Tone.MUTED))
    return joined(parts, " · ")


def run_title(run: Run, now: datetime) -> Sequence[Phrase]:
    """What a heading says about a run, most important first."""
    parts = (
        run_state(run).phrase,
        phrase(run_mode(run), Tone.ACCENT),
        phrase(run.job_type, Tone.STRONG) + phrase(f" {run.bot_id}"),
        run_length(run, now),
        phrase(f"run {str(run.id)[:8]}", Tone.MUTED),
    )
    return [part for part in parts if part]


def _started(run: Run, now: datetime, zone: tzinfo | None) -> Phrase:
    if run.started_at is None:
        return phrase("waits", Tone.MUTED)
    return phrase(local_time(run.started_at, now, zone))


def _columns(kind: RunList, zone: tzinfo | None) -> tuple[Column[Run], ...]:
    started: Column[Run] = Column(
        title="Started", cell=lambda run, now: _started(run, now, zone), width=12, keep=90
    )
    state: Column[Run] = Column(
        title="State",
        cell=lambda run, now: run_state(run).phrase,
        width=9,
        most=12,
        natural=lambda run: run_state(run).phrase.plain,
        keep=100,
    )
    job: Column[Run] = Column(
        title="Job",
        cell=lambda run, now: phrase(run.job_type),
        width=14,
        most=40,
        natural=lambda run: run.job_type,
        keep=99,
    )
    bot: Column[Run] = Column(
        title="Bot",
        cell=lambda run, now: phrase(run.bot_id),
        width=5,
        most=20,
        natural=lambda run: run.bot_id,
        keep=95,
    )
    took: Column[Run] = Column(title="Took", cell=run_length, width=9, keep=85, right=True)
    trigger: Column[Run] = Column(
        title="Trigger", cell=lambda run, now: phrase(run.trigger, Tone.MUTED), width=8, keep=60
    )
    attempt: Column[Run] = Column(
        title="Try", cell=lambda run, now: phrase(str(run.attempt), Tone.MUTED), width=3, keep=55, right=True
    )
    remark: Column[Run] = Column(
        title="Remark",
        cell=lambda run, now: run_remark(run),
        width=12,
        most=400,
        natural=lambda run: one_line(run_remark(run).plain, limit=400),
        keep=86,
    )
    number: Column[Run] = Column(
        title="Run", cell=lambda run, now: phrase(str(run.id)[:8], Tone.FAINT), width=8, keep=40
    )
    if kind is RunList.OF_JOB:
        return (started, state, bot, took, trigger, attempt, number, remark)
    return (started, state, job, bot, took, trigger, attempt, number, remark)
