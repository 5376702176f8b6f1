"""The columns of the Jobs screen."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bawt_console.formatting import (
    NOTHING,
    Phrase,
    State,
    Tone,
    ago,
    countdown,
    counted,
    duration,
    elapsed,
    interval,
    job_state,
    joined,
    lateness,
    one_line,
    percent,
    phrase,
    run_state,
    strip,
)
from bawt_console.widgets.columns import Column
from bawt_console.widgets.run_table import run_length, run_remark
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import LATE_AFTER_SECONDS, JobOverview, RunStatus

STRIP_LENGTH = 30
# Below this share of successes a job stands out.
ALARMING_SHARE = 0.9


def job_table(*, now: Callable[[], datetime], id: str) -> LiveTable[JobOverview]:  # noqa: A002 - Textual's own name
    """A table with one row a job."""
    return LiveTable(_COLUMNS, key=lambda row: row.job.id, now=now, id=id)


def _state(row: JobOverview, now: datetime) -> Phrase:
    state = job_state(row, now)
    if state is not State.RUNNING or row.current is None:
        return state.phrase
    return state.phrase + phrase(" ") + run_length(row.current, now)


def _state_room(row: JobOverview) -> str:
    # A running job's state has its length behind it.
    return "● running 12:34 min" if row.current is not None else ""


def _last(row: JobOverview, now: datetime) -> Phrase:
    last = row.last
    if last is None:
        return phrase("never ran", Tone.MUTED)
    state = run_state(last)
    return phrase(f"{state.glyph} {ago(last.finished_at or last.started_at, now)}", state.tone)


def _took(row: JobOverview, now: datetime) -> Phrase:
    return NOTHING if row.last is None else run_length(row.last, now).toned(Tone.MUTED)


def _next(row: JobOverview, now: datetime) -> Phrase:
    if not row.job.enabled:
        return phrase(_pauser(row), Tone.PAUSED)
    late = lateness(row, now)
    if late:
        return phrase(f"{elapsed(late)} late", Tone.LATE)
    return phrase(countdown(row.job.next_run_at, now))


def _pauser(row: JobOverview) -> str:
    return f"by {row.job.paused_by or 'somebody'}" if not row.job.enabled else ""


def _strip(row: JobOverview, now: datetime) -> Phrase:
    return strip(row.strip[-STRIP_LENGTH:])


def _remark(row: JobOverview) -> Phrase:
    """What it does now, why it is paused, or what was wrong with its last run."""
    if row.current is not None and row.current.status is RunStatus.RUNNING:
        return run_remark(row.current)
    if not row.job.enabled and row.job.paused_reason:
        return phrase(row.job.paused_reason, Tone.PAUSED)
    if row.job.enabled and row.job.failures:
        backoff = f"{counted(row.job.failures, 'failure')} in a row"
        if row.job.backoff_until is not None:
            backoff += ", slots are left out for a while"
        return joined(
            (phrase(backoff, Tone.LATE), NOTHING if row.last is None else run_remark(row.last)), " · "
        )
    return NOTHING if row.last is None else run_remark(row.last)


def _typical(milliseconds: float | None) -> Phrase:
    return phrase(duration(milliseconds), Tone.MUTED)


def _every(row: JobOverview) -> str:
    return row.job.cron or interval(row.job.interval_minutes)


def _share(row: JobOverview, now: datetime) -> Phrase:
    if row.share_ok is None:
        return phrase("–", Tone.FAINT)
    tone = Tone.MUTED if row.share_ok >= ALARMING_SHARE else Tone.FAILED
    # Not rounded up: one failure among thousands is no hundred.
    return phrase(percent(row.share_ok), tone)


def _start_delay(row: JobOverview, now: datetime) -> Phrase:
    seconds = row.p95_start_delay
    if seconds is None:
        return phrase("–", Tone.FAINT)
    tone = Tone.LATE if seconds > LATE_AFTER_SECONDS else Tone.MUTED
    return phrase(f"{seconds:.2f} s" if seconds < 1 else elapsed(seconds), tone)


def job_row(row: JobOverview, now: datetime) -> Mapping[str, object]:
    """A job as an export has it: raw numbers, times in UTC."""
    job, last = row.job, row.last
    return {
        "id": str(job.id),
        "state": job_state(row, now).word,
        "job_type": job.job_type,
        "bot_id": job.bot_id,
        "interval_minutes": job.interval_minutes,
        "cron": job.cron,
        "time_zone": job.time_zone,
        "next_run_at": job.next_run_at,
        "last_status": None if last is None else str(last.status),
        "last_finished_at": None if last is None else last.finished_at,
        "last_duration_ms": None if last is None else last.duration_ms,
        "p50_ms": row.p50_ms,
        "p95_ms": row.p95_ms,
        "success_share_7d": row.share_ok,
        "p95_start_delay_seconds": row.p95_start_delay,
        "paused_by": job.paused_by,
        "paused_reason": job.paused_reason,
        "failures_in_a_row": job.failures,
        "remark": _remark(row).plain,
    }


_COLUMNS: tuple[Column[JobOverview], ...] = (
    Column(title="State", cell=_state, width=12, most=19, natural=_state_room, keep=100),
    Column(
        title="Job",
        cell=lambda row, now: phrase(row.job.job_type),
        width=14,
        most=40,
        natural=lambda row: row.job.job_type,
        keep=99,
    ),
    Column(
        title="Bot",
        cell=lambda row, now: phrase(row.job.bot_id),
        width=5,
        most=20,
        natural=lambda row: row.job.bot_id,
        keep=98,
    ),
    Column(
        title="Every",
        cell=lambda row, now: phrase(_every(row), Tone.MUTED),
        width=6,
        most=14,
        natural=_every,
        keep=70,
        right=True,
    ),
    Column(title="Next", cell=_next, width=11, most=20, natural=_pauser, keep=95),
    Column(title="Last", cell=_last, width=12, keep=90),
    Column(title="Took", cell=_took, width=9, keep=75, right=True),
    Column(title="Latest 30, newest right", cell=_strip, width=STRIP_LENGTH, keep=80),
    Column(title="p50", cell=lambda row, now: _typical(row.p50_ms), width=9, keep=64, right=True),
    Column(title="p95", cell=lambda row, now: _typical(row.p95_ms), width=9, keep=65, right=True),
    Column(title="ok 7 d", cell=_share, width=6, keep=63, right=True),
    Column(title="Late p95", cell=_start_delay, width=8, keep=61, right=True),
    Column(
        title="Remark",
        cell=lambda row, now: _remark(row),
        width=12,
        most=400,
        natural=lambda row: one_line(_remark(row).plain, limit=400),
        keep=62,
    ),
)
