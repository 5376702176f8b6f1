"""Cron schedules in a time zone, as pure functions of the moment: no clock, no database.

The expression has five fields (minute, hour, day of month, month, day of week) or is one of `@hourly`,
`@daily`, `@weekly`, `@monthly` and `@yearly`. When both day fields are restricted, a day that fits either is
meant; when one of them begins with `*`, a day must fit both, as in Debian's cron. Beyond that `L` and `LW`
name the last day and the last weekday of a month, `MON#1` its first Monday and `5L` its last Friday.

Where a zone changes its clock, one of two rules holds, whatever the length of the change:

- Fixed hours (the hour field leaves out at least one hour): a slot is a reading of the wall clock, and each
  happens exactly once. One that the clock jumps over happens at the end of the jump; one that the clock shows
  twice happens the first time. Slots that fall on the same instant are one slot.
- Every hour (the hour field allows all 24): a slot is a minute of real time whose wall clock fits. A minute
  that does not exist is passed over; one that the clock shows twice happens twice. So `*/15 * * * *` keeps
  its quarter of an hour through every change.

What counts is what the hour field means, not how it is spelt: `0-23` is `*`, and `*/2` has fixed hours.
Offsets come from the system's zone data, else from the `tzdata` package.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from scheduler_core.domain import MOST_CRON_SLOTS
from scheduler_core.errors import ConfigError

__all__ = ["CronSchedule", "parse_cron"]

LONGEST_EXPRESSION = 200
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

# Any possible combination of date and weekday comes within 50 years of here.
FIRST_LOOK = datetime(2000, 1, 1, tzinfo=UTC)

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

FIELDS = {
    "minute": "a number from 0 to 59, or as in 0,30 or 10-20 or */5",
    "hour": "a number from 0 to 23, or as in 0,12 or 9-17 or */6",
    "day of month": "a number from 1 to 31, L for the last day, or as in 1,15 or 1-7",
    "month": "a number from 1 to 12, a name from JAN to DEC, or as in 1,7 or MAR-OCT",
    "day of week": "a number from 0 to 7 (0 and 7 are Sunday), a name from SUN to SAT, or as in 1-5 or MON#1",
}

# Readable on many machines as zones, but not the same on all, or not civil time.
NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """A cron expression in a time zone; made by `parse_cron` alone, which checks both.

    Attributes:
        expression: the five fields as they were given, with single spaces between them.
        time_zone: a name of the IANA database.
        every_hour: which of the module's two rules holds.
    """

    expression: str
    time_zone: str
    every_hour: bool
    _zone: ZoneInfo = field(repr=False, compare=False)

    def next_after(self, moment: datetime) -> datetime:
        """The first slot strictly after the moment, in UTC.

        Raises:
            ConfigError: there is none within 50 years, or before the year 9999.
            ValueError: the moment has no zone.
        """
        if moment.tzinfo is None:
            raise ValueError("A slot needs times with a zone.")
        try:
            return next(self._slots_after(moment))
        except (StopIteration, OverflowError):
            raise ConfigError(
                f"The cron expression {_shown(self.expression)} names no time within 50 years.",
                "Check its day and month, such as the 30th of February.",
            ) from None

    def missed_between(self, slot: datetime, now: datetime, limit: int = MOST_CRON_SLOTS) -> int:
        """How many slots after `slot` are due at `now`; a slot at exactly `now` counts. At most `limit`."""
        missed = 0
        # The end of the calendar is the end of the slots.
        with suppress(OverflowError):
            for due in self._slots_after(slot):
                if due > now or missed >= limit:
                    break
                missed += 1
        return missed

    def words(self) -> str:
        """The schedule in English, such as `at 03:30 on Monday through Friday, Europe/Berlin`."""
        said = CronSim(self.expression, datetime(2000, 1, 1)).explain()  # noqa: DTZ001 a wall clock
        return f"{said[0].lower()}{said[1:]}, {self.time_zone}"

    def _slots_after(self, moment: datetime) -> Iterator[datetime]:
        start = moment.astimezone(UTC)
        return self._slots_of_every_hour(start) if self.every_hour else self._slots_of_fixed_hours(start)

    def _slots_of_fixed_hours(self, last: datetime) -> Iterator[datetime]:
        # The instants of growing readings never shrink; those that are the same are one slot.
        for reading in self._readings_after(self._reading_at(last)):
            instant = self._instant_of(reading)
            if instant > last:
                yield instant
                last = instant

    def _slots_of_every_hour(self, at: datetime) -> Iterator[datetime]:
        after = self._reading_at(at)
        while True:
            day = at.replace(microsecond=0) + DAY
            offset = self._offset_at(at)
            # No zone changes its clock twice so soon: a day that ends as it began has no change in it.
            is_plain = self._offset_at(day) == offset
            turn = self._clock_goes_back(at)
            for reading in self._readings_after(after):
                plainly = (reading - offset).replace(tzinfo=UTC)
                if turn is not None and plainly >= turn:
                    # Nothing fits before the clock goes back: what it shows from there on is new.
                    at, after = turn, self._reading_at(turn) - SECOND
                    break
                if is_plain and plainly < day:
                    yield plainly
                    continue
                instant = next((one for one in self._instants_of(reading) if one >= at), None)
                if instant is None:
                    at = self._end_of_jump(reading)
                    after = self._reading_at(at) - SECOND
                    break
                yield instant
                if instant >= day:
                    at, after = instant, reading
                    break
            else:
                return

    def _readings_after(self, reading: datetime) -> Iterator[datetime]:
        # Without a zone the library is a plain calendar; what clocks do is decided here alone.
        return CronSim(self.expression, reading)

    def _reading_at(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _offset_at(self, instant: datetime) -> timedelta:
        offset = instant.astimezone(self._zone).utcoffset()
        assert offset is not None
        return offset

    def _instants_of(self, reading: datetime) -> list[datetime]:
        """When the wall clock shows the reading: never, once or twice, in order."""
        instants = (reading.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return [instant for instant in instants if self._reading_at(instant) == reading]

    def _instant_of(self, reading: datetime) -> datetime:
        instants = self._instants_of(reading)
        return instants[0] if instants else self._end_of_jump(reading)

    def _end_of_jump(self, reading: datetime) -> datetime:
        # PEP 495: for a reading that was jumped over, fold=1 lies before the change and fold=0 after it.
        before, after = (reading.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (1, 0))
        return self._change_between(before, after)

    def _clock_goes_back(self, instant: datetime) -> datetime | None:
        """When, within a day, the clock is next put back. No zone changes its clock twice so soon."""
        start = instant.replace(microsecond=0)
        if self._offset_at(start + DAY) >= self._offset_at(start):
            return None
        return self._change_between(start, start + DAY)

    def _change_between(self, before: datetime, after: datetime) -> datetime:
        """The one whole second between the two from which the later offset holds."""
        old = self._offset_at(before)
        while after - before > SECOND:
            middle = before + (after - before) // 2 // SECOND * SECOND
            if self._offset_at(middle) == old:
                before = middle
            else:
                after = middle
        return after


def parse_cron(expression: str, time_zone: str = "UTC") -> CronSchedule:
    """Reads an expression and a zone.

    Raises:
        ConfigError: the field that cannot be read, a date that never comes, or a zone nobody knows.
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise ConfigError(
            f"The cron expression is longer than {LONGEST_EXPRESSION} characters.",
            "Split it into several jobs.",
        )
    fields = NICKNAMES.get(expression.strip().lower(), expression).split()
    if len(fields) != len(FIELDS):
        raise ConfigError(
            f"A cron expression has five fields; {_shown(expression)} has {len(fields)}.",
            "Give minute, hour, day of month, month and day of week, such as 30 3 * * 1-5.",
        )
    for position, name in enumerate(FIELDS):
        _check_field(name, position, fields[position])
    text = " ".join(fields)
    zone = _zone_of(time_zone)
    try:
        hours = CronSim(text, FIRST_LOOK).hours
    except CronSimError:
        raise _never(text) from None
    schedule = CronSchedule(text, time_zone, len(hours) == 24, zone)
    try:
        schedule.next_after(FIRST_LOOK)
    except ConfigError:
        raise _never(text) from None
    return schedule


def _check_field(name: str, position: int, value: str) -> None:
    alone = ["*"] * len(FIELDS)
    alone[position] = value
    try:
        CronSim(" ".join(alone), FIRST_LOOK)
    except CronSimError:
        raise ConfigError(
            f"The {name} {_shown(value)} of the cron expression cannot be read.", f"Give {FIELDS[name]}."
        ) from None


def _never(expression: str) -> ConfigError:
    return ConfigError(
        f"The cron expression {_shown(expression)} names a date that never comes.",
        "Check its day and month, such as the 30th of February.",
    )


def _zone_of(name: str) -> ZoneInfo:
    known = _zone_names()
    if name in known:
        return ZoneInfo(name)
    lower = {zone.lower(): zone for zone in sorted(known)}
    near = get_close_matches(name.lower(), lower, n=1)
    raise ConfigError(
        f"The time zone {_shown(name)} is not known.",
        f"Did you mean {lower[near[0]]}?" if near else "Give a name such as UTC or Europe/Berlin.",
    )


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - NO_ZONES


def _shown(text: str) -> str:
    """Foreign text for an error: short, and without characters that a terminal would obey."""
    return ascii(text if len(text) <= 40 else f"{text[:37]}...")
