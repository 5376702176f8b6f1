"""The jobs of the demo, and every slot that they had in the month before now.

Pure arithmetic over a given moment. What became of a slot is decided in `month`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from bawt_console.demo.people import BOTS

DAYS = 30
# While both machines moved to another shelf; nothing ran, and what was missed became one run a job.
OUTAGE = (timedelta(days=12, hours=5, minutes=40), timedelta(days=12, hours=1, minutes=55))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoJob:
    """One job.

    Attributes:
        minutes: its interval.
        ahead: seconds from now to its next slot.
        cron: "MINUTE HOUR * * *" in `zone`, in place of the interval.
        seconds: what a run with something to do takes, typically.
        busy: the share of its slots that find something to do.
        places: how many of its type run at once; 0 is without limit.
        paused: who paused it, why, and how long ago; None while it runs.
    """

    id: UUID
    type: str
    bot: str
    minutes: int
    ahead: float
    seconds: float
    busy: float
    places: int = 1
    cron: str = ""
    zone: str = "UTC"
    paused: tuple[str, str, timedelta] | None = None

    @property
    def name(self) -> str:
        return f"{self.type} {self.bot}"

    def next_slot(self, now: datetime) -> datetime:
        if not self.cron:
            return now + timedelta(seconds=self.ahead)
        return next(slot for slot in _nights(self, now - timedelta(days=1)) if slot > now)


@dataclass(frozen=True, slots=True)
class Slot:
    """When a run was due, how many further slots it stands for, and when somebody could take it."""

    at: datetime
    coalesced: int
    free_at: datetime


def the_jobs(luck: Random) -> tuple[DemoJob, ...]:
    """Eleven jobs; their ids follow from the seed."""

    def fresh() -> UUID:
        return UUID(int=luck.getrandbits(128), version=4)

    ahead = dict(zip(BOTS, (24, 71, 130, 205, 733, 1502, 760, 6480), strict=True))
    seconds = dict(zip(BOTS, (19.0, 32.5, 17.2, 15.1, 94.4, 44.0, 26.3, 38.5), strict=True))
    breaker = (
        "circuit breaker",
        "61 of 187 memories would be merged for their meaning, more than 20%. None was merged.",
        timedelta(days=3, hours=2, minutes=11),
    )
    return (
        DemoJob(
            id=fresh(),
            type="profile_maintenance",
            bot="*",
            minutes=60,
            ahead=4,
            seconds=21.0,
            busy=0.0,
        ),
        *(
            DemoJob(
                id=fresh(),
                type="memory_consolidation",
                bot=bot,
                minutes=180,
                ahead=ahead[bot],
                seconds=seconds[bot],
                busy=0.62,
                paused=breaker if bot == "echo" else None,
            )
            for bot in BOTS
        ),
        DemoJob(
            id=fresh(),
            type="memory_decay",
            bot="*",
            minutes=1440,
            ahead=0,
            seconds=0.4,
            busy=0.8,
            places=0,
            cron="30 3 * * *",
            zone="Europe/Berlin",
        ),
        DemoJob(
            id=fresh(),
            type="memory_decay",
            bot="sol",
            minutes=10_080,
            ahead=93_000,
            seconds=0.5,
            busy=0.9,
            places=0,
            paused=(
                "ada@attic console",
                "first look at the dry run",
                timedelta(days=1, hours=21, minutes=8),
            ),
        ),
    )


def slots(job: DemoJob, now: datetime) -> list[Slot]:
    """Every slot of the month that somebody took, oldest first."""
    end = now if job.paused is None else now - job.paused[2]
    down, up = (now - ago for ago in OUTAGE)
    found: list[Slot] = []
    for at in _grid(job, now):
        if at >= end:
            break
        if down <= at < up:
            if found and found[-1].free_at == up:
                found[-1] = Slot(found[-1].at, found[-1].coalesced + 1, up)
            else:
                found.append(Slot(at, 0, up))
        else:
            found.append(Slot(at, 0, at))
    return found


def _grid(job: DemoJob, now: datetime) -> Iterator[datetime]:
    if job.cron:
        yield from _nights(job, now - timedelta(days=DAYS))
        return
    step = timedelta(minutes=job.minutes)
    upcoming = now + timedelta(seconds=job.ahead)
    at = upcoming - step * (timedelta(days=DAYS) // step)
    while True:
        yield at
        at += step


def _nights(job: DemoJob, since: datetime) -> Iterator[datetime]:
    minute, hour = (int(part) for part in job.cron.split()[:2])
    zone = ZoneInfo(job.zone)
    day = since.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    while True:
        if day > since:
            yield day.astimezone(since.tzinfo)
        day += timedelta(days=1)
