"""What a person may set about a job: when it runs, and its configuration.

Frozen values like those of `domain`; nothing here knows the database or a screen.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from scheduler_core.domain import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """The settable columns of `scheduled_jobs`; a cron expression takes the place of the interval."""

    interval_minutes: int
    cron: str | None
    time_zone: str
    config_json: str

    @classmethod
    def of(cls, job: Job) -> "JobSettings":
        return cls(
            interval_minutes=job.interval_minutes,
            cron=job.cron,
            time_zone=job.time_zone,
            config_json=job.config_json,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreview:
    """What settings mean: `words` in English, and the next times, soonest first, in UTC."""

    words: str
    times: tuple[datetime, ...]


class BulkAction(StrEnum):
    """What can be done to many jobs at once."""

    PAUSE = "pause"
    RESUME = "resume"
    FORCE_RUN = "force_run"


@dataclass(frozen=True, slots=True)
class Fit:
    """Which jobs an action can be done to now, as the server says, and how many it cannot."""

    able: frozenset[UUID]
    unable: int
