"""Where a cron job goes on, as the scheduler asks it while it holds the job's row."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from scheduler_core.db.job_values import CronJob, CronSlot
from scheduler_core.errors import ConfigError
from scheduler_core.jobs.cron import parse_cron
from scheduler_core.jobs.due import jitter_of

MOST_JITTER_SECONDS = 999_999


def slots_of(cron: str, time_zone: str, *, job_id: UUID, config_json: str) -> Callable[[datetime], datetime]:
    """What gives a cron job's first slot after a moment, its jitter included.

    Raises:
        ConfigError: the expression cannot be read; by the function returned, that no slot comes.
    """
    schedule = parse_cron(cron, time_zone)
    jitter = jitter_of(job_id, _jitter(config_json))
    return lambda moment: schedule.next_after(moment - jitter) + jitter


def place_cron(job: CronJob) -> CronSlot:
    """The job's next slot after now and how many slots it missed; never raises for what the row holds."""
    try:
        schedule = parse_cron(job.cron, job.time_zone)
        jitter = jitter_of(job.id, _jitter(job.config_json))
        next_at = schedule.next_after(job.at - jitter) + jitter
        missed = 0 if job.unplaced else schedule.missed_between(job.next_run_at - jitter, job.at - jitter)
    except ConfigError as error:
        return CronSlot(trouble=str(error))
    return CronSlot(next_at=next_at, missed=missed)


def _jitter(config_json: str) -> timedelta:
    """`jitter_seconds` of the job; zero where the configuration cannot be read, which its run will report."""
    try:
        value = json.loads(config_json).get("jitter_seconds", 0)
    except (ValueError, RecursionError, AttributeError):
        return timedelta()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_JITTER_SECONDS:
        return timedelta()
    return timedelta(seconds=value)
