"""A second way to find cron slots: walk through time minute by minute and look at the clock.

It shares nothing with the product but the zone data. Expressions are made from the sets of numbers they
mean, so nothing is parsed here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)

# Longer than any clock was ever put back, so that readings which come again are known.
WARM_UP = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Field:
    """One field as text, and what it means. Sunday is 0."""

    text: str
    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class Expression:
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    def __str__(self) -> str:
        return " ".join(part.text for part in (self.minute, self.hour, self.day, self.month, self.weekday))

    @property
    def every_hour(self) -> bool:
        return len(self.hour.values) == 24

    def fits(self, shown: datetime) -> bool:
        """Whether the clock's reading is one of the expression's."""
        day = shown.day in self.day.values
        weekday = shown.isoweekday() % 7 in self.weekday.values
        both = self.day.text.startswith("*") or self.weekday.text.startswith("*")
        return (
            shown.minute in self.minute.values
            and shown.hour in self.hour.values
            and shown.month in self.month.values
            and ((day and weekday) if both else (day or weekday))
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A zone, and an instant near which its clock is changed."""

    zone: str
    near: datetime


CHANGES = [
    Change("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    Change("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    Change("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    Change("America/New_York", datetime(2027, 11, 7, 6, tzinfo=UTC)),
    # Half an hour.
    Change("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    Change("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    # Midnight does not exist, and the last hour of Saturday comes twice.
    Change("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    Change("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),
    # A minute past midnight, so Saturday comes back after Sunday has begun.
    Change("America/St_Johns", datetime(2010, 3, 14, 3, 31, tzinfo=UTC)),
    Change("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),
    # Winter time for Ramadan.
    Change("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)),
    Change("Africa/Casablanca", datetime(2026, 3, 22, 2, tzinfo=UTC)),
    # 30 December 2011 did not happen; 21 August 1993 neither.
    Change("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    Change("Pacific/Kwajalein", datetime(1993, 8, 21, 12, tzinfo=UTC)),
    # Two hours, and seven hours back.
    Change("Antarctica/Troll", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    Change("Antarctica/Troll", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    Change("Antarctica/Vostok", datetime(1994, 1, 31, 17, tzinfo=UTC)),
    # A quarter of an hour off, once by a change and since then for good.
    Change("Asia/Kathmandu", datetime(1985, 12, 31, 18, 30, tzinfo=UTC)),
    Change("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
    Change("UTC", datetime(2028, 2, 29, tzinfo=UTC)),
]


def slots_seen(expression: Expression, zone: str, *, since: datetime, until: datetime) -> list[datetime]:
    """The slots in (since, until], found by looking at the clock every minute, as the module's rules say."""
    clock = ZoneInfo(zone)
    at = since.replace(second=0, microsecond=0) - WARM_UP
    latest = at.astimezone(clock).replace(tzinfo=None) - MINUTE
    found = []
    while at <= until:
        shown = at.astimezone(clock).replace(tzinfo=None)
        if expression.every_hour:
            due = expression.fits(shown)
        else:
            # Readings not shown before: the usual one, none while they come again, many after a jump.
            due = any(expression.fits(reading) for reading in _readings(latest, shown))
        if due and at > since:
            found.append(at)
        latest = max(latest, shown)
        at += MINUTE
    return found


def _readings(after: datetime, until: datetime) -> Iterator[datetime]:
    while after < until:
        after += MINUTE
        yield after


def fields(low: int, high: int, *, names: str = "") -> st.SearchStrategy[Field]:
    """Any way to write a field whose numbers go from `low` to `high`."""
    number = st.integers(low, high)
    step = st.integers(1, high)
    every = frozenset(range(low, high + 1))
    some = st.frozensets(number, min_size=1, max_size=5)
    ways = [
        st.just(Field("*", every)),
        step.map(lambda by: Field(f"*/{by}", frozenset(range(low, high + 1, by)))),
        some.map(lambda them: Field(",".join(map(str, sorted(them))), them)),
        st.tuples(number, number, step).map(lambda given: _range(min(given[:2]), max(given[:2]), given[2])),
    ]
    if names:
        words = names.split()
        ways.append(number.map(lambda one: Field(words[one - low], frozenset([one]))))
    return st.one_of(ways)


def _range(first: int, last: int, by: int) -> Field:
    # A step after a single number would mean "from there to the end".
    if first == last:
        return Field(str(first), frozenset([first]))
    text = f"{first}-{last}" + (f"/{by}" if by > 1 else "")
    return Field(text, frozenset(range(first, last + 1, by)))


MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
WEEKDAYS = "SUN MON TUE WED THU FRI SAT"

MINUTES = fields(0, 59)
HOURS = fields(0, 23)
EXPRESSIONS = st.builds(
    Expression, MINUTES, HOURS, fields(1, 31), fields(1, 12, names=MONTHS), fields(0, 6, names=WEEKDAYS)
)

ANY_DAY = Field("*", frozenset(range(1, 32)))
ANY_MONTH = Field("*", frozenset(range(1, 13)))
ANY_WEEKDAY = Field("*", frozenset(range(7)))
BUSY_EXPRESSIONS = st.builds(
    Expression, MINUTES, HOURS, st.just(ANY_DAY), st.just(ANY_MONTH), fields(0, 6) | st.just(ANY_WEEKDAY)
)
