"""A brief in words, for the screen and for plain output alike. It asks nobody and draws nothing."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from bawt_console.formatting import (
    Phrase,
    State,
    Tone,
    counted,
    duration,
    elapsed,
    joined,
    local_time,
    one_line,
    phrase,
    run_mode,
)
from scheduler_core.domain import Job, Run, RunStatus
from scheduler_core.errors import ConfigError
from scheduler_core.oversight import Brief

WITHOUT_VISIT = timedelta(days=1)
"""How far a brief goes back where no earlier visit is known."""

FURTHEST = timedelta(days=3660)
_AMOUNT = re.compile(r"(\d{1,6})\s*(min|m|h|d|w)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_UNITS = {"min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefItem:
    """One line of a brief. Either `run` or `job` is where a closer look leads."""

    word: str
    glyph: str
    tone: Tone
    at: datetime | None
    name: str
    bot: str
    says: Phrase
    run: Run | None = None
    job: Job | None = None

    @property
    def mark(self) -> Phrase:
        return phrase(f"{self.glyph} {self.word}", self.tone)


def begin_of(last_visit: datetime | None, now: datetime) -> datetime:
    """Where a brief begins if nobody says otherwise."""
    return now - WITHOUT_VISIT if last_visit is None else last_visit


def parse_since(text: str, now: datetime) -> datetime:
    """Reads `9h`, `2d`, `45min`, `22:00` for when it was that time last, or a date; all times are local.

    Raises:
        ConfigError: it is neither, or lies too far back or ahead.
    """
    amount, clock = _AMOUNT.fullmatch(text.strip().lower()), _CLOCK.fullmatch(text.strip())
    try:
        if amount is not None:
            since = now - timedelta(seconds=int(amount[1]) * _UNITS[amount[2]])
        elif clock is not None:
            here = now.astimezone()
            since = here.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            since -= timedelta(days=since > here)
        else:
            since = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise ConfigError(
            "That is no time to look back to.", "Write 9h, 2d, 1w, 22:00, or 2026-11-22T18:00."
        ) from None
    if not now - FURTHEST <= since <= now:
        raise ConfigError("One can look back up to ten years, and not ahead.", "Write for example 2d.")
    return since


def headline(brief: Brief, *, last_visit: datetime | None, zone: tzinfo | None = None) -> Phrase:
    """`Since you left (Fri 22:10, 9 h): 214 runs, 209 ok, …; nothing missed.`"""
    since = brief.since.astimezone(zone)
    near = brief.until - brief.since < timedelta(days=6)
    when = f"{since:%a %H:%M}" if near else f"{since:%d %b %H:%M}"
    length = elapsed((brief.until - brief.since).total_seconds())
    opening = "Since you left" if last_visit == brief.since else "Since"
    if brief.until - brief.since < timedelta(minutes=1):
        head = phrase(f"{opening} just now: ")
    elif last_visit == brief.since:
        head = phrase(f"{opening} ({when}, {length}): ")
    else:
        head = phrase(f"{opening} {when} ({length}): ")
    return head + _outcomes(brief) + phrase("; ") + _missed(brief) + phrase(".")


def _outcomes(brief: Brief) -> Phrase:
    if not brief.total:
        return phrase("nothing ran", Tone.MUTED)
    ok = brief.count(RunStatus.SUCCESS) - brief.suspicious
    unchanged = brief.count(RunStatus.SKIPPED) - brief.overlapped
    parts = [
        phrase(counted(brief.total, "run"), Tone.STRONG),
        phrase(f"{ok:,} ok", Tone.OK) if ok else Phrase(),
        _failed(brief),
        _told(brief.suspicious, "suspicious", Tone.SUSPICIOUS),
        _told(brief.overlapped, "skipped for overlap", Tone.LATE),
        _told(unchanged, "with nothing to do", Tone.SKIPPED),
        _told(brief.count(RunStatus.RUNNING), "still running", Tone.RUNNING),
        _told(brief.undone, "undone", Tone.LATE),
    ]
    return joined(parts, ", ")


def _failed(brief: Brief) -> Phrase:
    """How many failed, and that nobody need look for those that succeeded after that."""
    failed = brief.count(RunStatus.FAILED)
    said = _told(failed, "failed", Tone.FAILED)
    if not brief.recovered:
        return said
    which = "and" if brief.recovered == failed else f"{brief.recovered:,} of them"
    return said + phrase(f", {which} succeeded when tried again", Tone.MUTED)


def _told(number: int, words: str, tone: Tone) -> Phrase:
    return phrase(f"{number:,} {words}", tone) if number else Phrase()


def _missed(brief: Brief) -> Phrase:
    if not brief.missed:
        return phrase("nothing missed", Tone.MUTED)
    return phrase(f"{counted(brief.missed, 'slot')} missed while nobody could run them", Tone.LATE)


def remarks(
    brief: Brief, now: datetime, *, last_visit: datetime | None, zone: tzinfo | None = None
) -> list[str]:
    """What to know about the numbers themselves; usually nothing."""
    told = []
    if last_visit is None:
        told.append("No earlier visit is known.")
    if brief.counted_from > brief.since:
        at = local_time(brief.counted_from, now, zone)
        told.append(f"There were too many runs to count: these are the newest, from {at} on.")
    return told


def items_of(brief: Brief) -> list[BriefItem]:
    """What to look at, the worst first; a run is told once, under its worst mark."""
    items = [_of_run(run, State.FAILED, _failure(run)) for run in brief.failures]
    items += [
        _of_run(run, State.SUSPICIOUS, phrase(one_line(", ".join(run.suspicious), limit=400)))
        for run in brief.odd
    ]
    told = {run.id for run in (*brief.failures, *brief.odd)}
    for slow in brief.slowest:
        if slow.run.id not in told:
            took = phrase(duration(slow.run.duration_ms), Tone.STRONG)
            usual = phrase(f"  {slow.times:.1f} × the usual {duration(slow.p50_ms)}", Tone.MUTED)
            items.append(_of_run(slow.run, None, took + usual, word="slow", glyph="!", tone=Tone.LATE))
    for run in brief.undoings:
        source = "an earlier run" if run.source_run_id is None else f"run {str(run.source_run_id)[:8]}"
        says = phrase(f"took back {source}")
        items.append(_of_run(run, None, says, word="undone", glyph="↶", tone=Tone.LATE))
    return [*items, *(_of_job(job) for job in brief.paused)]


def _failure(run: Run) -> Phrase:
    why = phrase(one_line(run.error_message or "no reason given", limit=400))
    return joined((phrase(run_mode(run), Tone.ACCENT), why), " · ")


def _of_run(
    run: Run, state: State | None, says: Phrase, *, word: str = "", glyph: str = "", tone: Tone = Tone.PLAIN
) -> BriefItem:
    return BriefItem(
        word=word if state is None else state.word,
        glyph=glyph if state is None else state.glyph,
        tone=tone if state is None else state.tone,
        at=run.started_at,
        name=run.job_type,
        bot=run.bot_id,
        says=says,
        run=run,
    )


def _of_job(job: Job) -> BriefItem:
    why = f": {one_line(job.paused_reason, limit=400)}" if job.paused_reason else ", no reason given"
    return BriefItem(
        word=State.PAUSED.word,
        glyph=State.PAUSED.glyph,
        tone=State.PAUSED.tone,
        at=job.paused_at,
        name=job.job_type,
        bot=job.bot_id,
        says=phrase(f"by {job.paused_by or 'somebody'}{why}"),
        job=job,
    )
