"""New settings for a job out of what a person typed, and what they mean in words and times.

Pure: it knows no database and no clock. The screen's editor and `bawt-console jobs edit` are both made from
it, so they accept and refuse the same.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import islice

from pydantic import ConfigDict

from scheduler_core.domain import Job
from scheduler_core.errors import ConfigError, RunError
from scheduler_core.job_settings import JobSettings, SchedulePreview
from scheduler_core.jobs.cron import parse_cron
from scheduler_core.jobs.cron_slot import slots_of
from scheduler_core.tasks.built_in_configs import BUILT_IN_CONFIGS
from scheduler_core.tasks.task import JobConfig, parse_config

TIMES_SHOWN = 5
# As the database's CHECK has it: ten years.
LONGEST_INTERVAL_MINUTES = 5_256_000

_PIECE = re.compile(r"(\d{1,9})\s*(minutes?|min|m|hours?|h|days?|d|weeks?|w)?\s*")
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}


class SharedConfig(JobConfig):
    """The fields of every job type; others are for the type to judge, which may live in another process."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def edited(
    seen: JobSettings,
    *,
    job_type: str,
    every: str | None = None,
    cron: str | None = None,
    time_zone: str | None = None,
    config: str | None = None,
) -> JobSettings:
    """The settings with what was typed in place; None leaves a thing as it is.

    Args:
        every: such as `90`, `90 min`, `1 h 30 min`, `2 d`; it ends a cron expression.
        cron: as `parse_cron` reads it.
        config: a JSON object. Of a built-in type every field is checked; of another one those that all
            types share, and the rest when it runs.

    Raises:
        ConfigError: what cannot be read and how it should be.
    """
    if every is not None and cron is not None:
        raise ConfigError("A job has either an interval or a cron expression.", "Give one of them.")
    interval, expression = seen.interval_minutes, seen.cron
    zone = seen.time_zone if time_zone is None else time_zone.strip()
    if every is not None:
        interval, expression = minutes_of(every), None
    if cron is not None:
        expression = cron
    if expression is not None:
        expression = parse_cron(expression, zone).expression
    else:
        parse_cron("@daily", zone)
    text = seen.config_json if config is None else _checked_config(config, job_type)
    return JobSettings(interval_minutes=interval, cron=expression, time_zone=zone, config_json=text)


def minutes_of(text: str) -> int:
    """An interval in minutes; a bare number counts minutes.

    Raises:
        ConfigError: it is none, or none the database can store.
    """
    total, at = 0, 0
    bare = text.strip().lower()
    while at < len(bare):
        match = _PIECE.match(bare, at)
        if match is None or (match[2] is None and (at > 0 or match.end() < len(bare))):
            raise ConfigError(f"{text[:40]!a} is no interval.", "Write 90 min, 1 h 30 min or 2 d.")
        total += int(match[1]) * _MINUTES[(match[2] or "m")[0]]
        at = match.end()
    if not 1 <= total <= LONGEST_INTERVAL_MINUTES:
        raise ConfigError("An interval is from one minute to ten years.", "Write 90 min, 1 h 30 min or 2 d.")
    return total


def preview(settings: JobSettings, *, job: Job, now: datetime, every_words: str) -> SchedulePreview:
    """What the settings mean for a job from now on.

    Args:
        every_words: the interval in words; used where there is no cron expression.
    """
    if settings.cron is not None:
        words = parse_cron(settings.cron, settings.time_zone).words()
    else:
        words = every_words
    return SchedulePreview(words=words, times=tuple(islice(_times(settings, job, now), TIMES_SHOWN)))


def _times(settings: JobSettings, job: Job, now: datetime) -> Iterator[datetime]:
    if settings.cron is not None:
        following = slots_of(
            settings.cron, settings.time_zone, job_id=job.id, config_json=settings.config_json
        )
        at = now
        while True:
            try:
                at = following(at)
            except ConfigError:
                return
            yield at
    step = timedelta(minutes=settings.interval_minutes)
    slot = _first_of_interval(settings, job, now)
    while True:
        yield slot
        slot += step


def _first_of_interval(settings: JobSettings, job: Job, now: datetime) -> datetime:
    """As the trigger `bawt_job_defined` and then the claim place it."""
    step = timedelta(minutes=settings.interval_minutes)
    if job.cron is not None:
        return now + step
    slot = job.next_run_at
    if settings.interval_minutes < job.interval_minutes:
        slot = min(slot, now + step)
    return slot if slot > now else slot + step * ((now - slot) // step + 1)


def _checked_config(text: str, job_type: str) -> str:
    stripped = text.strip() or "{}"
    try:
        parse_config(SharedConfig, stripped)
        model = BUILT_IN_CONFIGS.get(job_type)
        if model is not None:
            _require_known(json.loads(stripped), job_type, tuple(model.model_fields))
            parse_config(model, stripped)
    except RunError as error:
        raise ConfigError(error.title, 'Give a JSON object such as {"timeout_seconds": 600}.') from None
    return stripped


def _require_known(given: Iterable[str], job_type: str, known: Sequence[str]) -> None:
    """
    Raises:
        ConfigError: with such a field every run of the job would fail.
    """
    unknown = next((name for name in given if name not in known), None)
    if unknown is None:
        return
    near = get_close_matches(unknown.lower(), known, n=1)
    raise ConfigError(
        f"{job_type} has no setting {unknown[:40]!a}.",
        f"Did you mean {near[0]}?" if near else f"It has {', '.join(known[:-1])} and {known[-1]}.",
    )
