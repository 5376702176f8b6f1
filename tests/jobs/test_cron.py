"""Cron schedules, against a walk through time minute by minute, in zones that change their clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_core.errors import ConfigError
from scheduler_core.jobs.cron import CronSchedule, parse_cron
from tests.jobs.wall_clock import BUSY_EXPRESSIONS, CHANGES, EXPRESSIONS, Change, Expression, slots_seen

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

ZONES = sorted({change.zone for change in CHANGES})

# Somewhere in 2020 to 2040, to the microsecond.
moments = st.integers(0, 20 * 365 * DAY // MICROSECOND).map(
    lambda passed: datetime(2020, 1, 1, tzinfo=UTC) + MICROSECOND * passed
)


def parsed(expression: Expression, zone: str) -> CronSchedule | None:
    """None only for what no calendar holds, such as the 31st of April."""
    if min(expression.day.values) <= 29:
        return parse_cron(str(expression), zone)
    try:
        return parse_cron(str(expression), zone)
    except ConfigError:
        return None


def slots(schedule: CronSchedule, *, since: datetime, until: datetime) -> list[datetime]:
    """The slots in (since, until], one after the other."""
    found = []
    slot = schedule.next_after(since)
    while slot <= until:
        found.append(slot)
        slot = schedule.next_after(slot)
    return found


def shown(schedule: CronSchedule, *, since: str, count: int) -> list[str]:
    """The next slots as the zone's clock shows them, after a time on that clock."""
    slot = datetime.fromisoformat(since).astimezone(UTC)
    found = []
    for _ in range(count):
        slot = schedule.next_after(slot)
        found.append(slot.astimezone(ZoneInfo(schedule.time_zone)).strftime("%d %H:%M%z"))
    return found


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.zone} {change.near:%Y-%m-%d}")
@settings(max_examples=12, deadline=None)
@given(expression=BUSY_EXPRESSIONS, earlier=st.integers(0, 36 * 60))
def test_around_a_change_of_the_clock_no_slot_is_lost_or_doubled(
    change: Change, expression: Expression, earlier: int
) -> None:
    since = change.near - timedelta(minutes=earlier)
    until = change.near + 1.5 * DAY
    seen = slots_seen(expression, change.zone, since=since, until=until)
    assert slots(parse_cron(str(expression), change.zone), since=since, until=until) == seen


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.zone} {change.near:%Y-%m-%d}")
@settings(max_examples=12, deadline=None)
@given(
    expression=BUSY_EXPRESSIONS,
    apart=st.lists(st.integers(-12 * 3600 * 10**6, 12 * 3600 * 10**6), min_size=1, max_size=40),
)
def test_from_any_moment_near_a_change_the_next_slot_is_the_one_that_comes(
    change: Change, expression: Expression, apart: list[int]
) -> None:
    schedule = parse_cron(str(expression), change.zone)
    seen = slots_seen(expression, change.zone, since=change.near - DAY, until=change.near + 2 * DAY)
    for microseconds in apart:
        moment = change.near + MICROSECOND * microseconds
        coming = [slot for slot in seen if slot > moment]
        following = schedule.next_after(moment)
        assert following == coming[0] if coming else following > change.near + 2 * DAY


@settings(max_examples=150, deadline=None)
@given(expression=EXPRESSIONS, zone=st.sampled_from(ZONES), moment=moments)
def test_any_expression_anywhere_names_the_first_minute_that_fits(
    expression: Expression, zone: str, moment: datetime
) -> None:
    schedule = parsed(expression, zone)
    if schedule is None:
        return
    following = schedule.next_after(moment)
    near = max(moment, following - DAY)
    assert slots_seen(expression, zone, since=near, until=following) == [following]
    soon = moment + DAY
    assert slots_seen(expression, zone, since=moment, until=soon) == slots(schedule, since=moment, until=soon)


@settings(max_examples=150, deadline=None)
@given(expression=EXPRESSIONS, zone=st.sampled_from(ZONES), moment=moments, share=st.floats(0, 1))
def test_the_next_slot_is_the_same_from_everywhere_before_it(
    expression: Expression, zone: str, moment: datetime, share: float
) -> None:
    schedule = parsed(expression, zone)
    if schedule is None:
        return
    following = schedule.next_after(moment)
    assert following > moment
    assert following.tzinfo is UTC
    between = moment + (following - moment - MICROSECOND) * share
    assert schedule.next_after(between) == following
    assert schedule.next_after(between.astimezone(ZoneInfo(zone))) == following
    assert schedule.next_after(following - MICROSECOND) == following
    assert schedule.next_after(following) > following


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("at", [time(0, 1), time(0, 30), time(2, 0), time(2, 30), time(23, 59)])
def test_a_daily_job_runs_once_for_every_date_even_one_that_was_left_out(zone: str, at: time) -> None:
    schedule = parse_cron(f"{at.minute} {at.hour} * * *", zone)
    clock = ZoneInfo(zone)
    first, last = datetime(2010, 6, 1, tzinfo=clock), datetime(2012, 6, 1, tzinfo=clock)
    found = slots(schedule, since=first, until=last)
    assert all(earlier < later for earlier, later in pairwise(found))
    assert len(found) == (last.date() - first.date()).days


@pytest.mark.parametrize("zone", ZONES)
def test_every_five_minutes_is_every_five_minutes_through_all_changes(zone: str) -> None:
    schedule = parse_cron("*/5 * * * *", zone)
    for change in CHANGES:
        if change.zone == zone:
            found = slots(schedule, since=change.near - DAY, until=change.near + DAY)
            assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=5)}


@pytest.mark.parametrize(
    ("expression", "zone", "since", "expected"),
    [
        # The hour from 2 to 3 is left out.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["29 03:00+0200", "30 02:00+0200"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00+01:00", ["29 03:00+0200", "30 02:00+0200"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T01:00+01:00", ["29 01:30+0100", "29 03:30+0200"]),
        ("0 */2 * * *", "Europe/Berlin", "2026-03-29T00:30+01:00", ["29 03:00+0200", "29 04:00+0200"]),
        # The hour from 2 to 3 comes twice.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00+02:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:15+01:00", ["26 02:30+0100", "27 02:30+0100"]),
        ("30 * * * *", "Europe/Berlin", "2026-10-25T02:00+02:00", ["25 02:30+0200", "25 02:30+0100"]),
        ("30 0-23 * * *", "Europe/Berlin", "2026-10-25T02:00+02:00", ["25 02:30+0200", "25 02:30+0100"]),
        # One hour less than all is enough to mean readings of the clock.
        ("30 1-23 * * *", "Europe/Berlin", "2026-10-25T02:00+02:00", ["25 02:30+0200", "25 03:30+0100"]),
        # Half an hour is left out, and the first minutes after it are not forgotten.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", ["04 02:30+1100", "05 02:15+1100"]),
        ("0 * * * *", "Australia/Lord_Howe", "2026-10-04T00:30+10:30", ["04 01:00+1030", "04 03:00+1100"]),
        ("*/20 3 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", ["04 03:00+1100", "04 03:20+1100"]),
        # Midnight is left out.
        ("0 0 * * 0", "America/Sao_Paulo", "2018-11-03T12:00-03:00", ["04 01:00-0200", "11 00:00-0200"]),
        ("10 * * * 0", "America/Sao_Paulo", "2018-11-03T12:00-03:00", ["04 01:10-0200", "04 02:10-0200"]),
        # Saturday comes back after a minute of Sunday.
        ("30 * * * 6", "America/St_Johns", "2010-11-06T23:00-02:30", ["06 23:30-0230", "06 23:30-0330"]),
        # A whole Friday is left out.
        ("0 12 * * 5", "Pacific/Apia", "2011-12-29T23:00-10:00", ["31 00:00+1400", "06 12:00+1400"]),
        ("0 * * * *", "Pacific/Apia", "2011-12-29T22:30-10:00", ["29 23:00-1000", "31 00:00+1400"]),
        # A quarter of an hour off.
        ("0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:00+00:00", ["01 06:00+0545", "02 06:00+0545"]),
        # An offset with seconds: slots lie within a minute of real time.
        ("0 6 * * *", "Africa/Monrovia", "1971-06-01T00:00+00:00", ["01 06:00-004430", "02 06:00-004430"]),
    ],
)
def test_changes_of_the_clock_do_what_the_rules_say(
    expression: str, zone: str, since: str, expected: list[str]
) -> None:
    assert shown(parse_cron(expression, zone), since=since, count=2) == expected


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 L * *", [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]),
        ("0 0 LW * *", [date(2026, 1, 30), date(2026, 2, 27), date(2026, 3, 31)]),
        ("0 0 * * MON#1", [date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2)]),
        ("0 0 * * 5L", [date(2026, 1, 30), date(2026, 2, 27), date(2026, 3, 27)]),
        ("0 0 29 2 *", [date(2028, 2, 29), date(2032, 2, 29), date(2036, 2, 29)]),
        ("0 0 13 * fri", [date(2026, 1, 2), date(2026, 1, 9), date(2026, 1, 13)]),
        ("0 0 */13 * 7", [date(2026, 2, 1), date(2026, 3, 1), date(2026, 6, 14)]),
        ("@yearly", [date(2027, 1, 1), date(2028, 1, 1), date(2029, 1, 1)]),
        ("@Weekly", [date(2026, 1, 4), date(2026, 1, 11), date(2026, 1, 18)]),
    ],
)
def test_days_are_those_of_the_calendar(expression: str, days: list[date]) -> None:
    schedule = parse_cron(expression)
    slot = NEW_YEAR
    for day in days:
        slot = schedule.next_after(slot)
        assert (slot.date(), slot.hour, slot.minute) == (day, 0, 0)


def test_the_longest_wait_between_two_dates_is_bridged() -> None:
    # 2100 has no leap day, and it must be a Monday.
    schedule = parse_cron("0 0 * 2 MON#5")
    assert schedule.next_after(datetime(2072, 3, 1, tzinfo=UTC)).year == 2112


@settings(max_examples=60, deadline=None)
@given(expression=BUSY_EXPRESSIONS, zone=st.sampled_from(ZONES), slot=moments, hours=st.integers(0, 30))
def test_missed_slots_are_those_between_the_slot_and_now(
    expression: Expression, zone: str, slot: datetime, hours: int
) -> None:
    schedule = parse_cron(str(expression), zone)
    now = slot + timedelta(hours=hours)
    missed = len(slots(schedule, since=slot, until=now))
    assert schedule.missed_between(slot, now, limit=5000) == missed
    assert schedule.missed_between(slot, now, limit=3) == min(missed, 3)


def test_a_slot_at_exactly_now_is_missed_and_the_claimed_one_is_not() -> None:
    schedule = parse_cron("0 * * * *")
    assert schedule.missed_between(NEW_YEAR, NEW_YEAR + timedelta(hours=2)) == 2
    assert schedule.missed_between(NEW_YEAR, NEW_YEAR + timedelta(hours=2) - MICROSECOND) == 1
    assert schedule.missed_between(NEW_YEAR, NEW_YEAR - DAY) == 0
    assert schedule.missed_between(NEW_YEAR, NEW_YEAR + 365 * DAY) == 1000


@pytest.mark.parametrize(
    ("expression", "zone", "words"),
    [
        ("30 3 * * 1-5", "Europe/Berlin", "at 03:30 on Monday through Friday, Europe/Berlin"),
        ("*/5 * * * *", "UTC", "every fifth minute of every hour, UTC"),
        ("0 0 LW * *", "UTC", "at 00:00 on the last weekday of every month, UTC"),
        ("@daily", "Asia/Kathmandu", "at 00:00 every day, Asia/Kathmandu"),
    ],
)
def test_a_schedule_is_said_in_words(expression: str, zone: str, words: str) -> None:
    assert parse_cron(expression, zone).words() == words


@settings(max_examples=100)
@given(expression=EXPRESSIONS)
def test_every_schedule_can_be_said_in_words(expression: Expression) -> None:
    schedule = parsed(expression, "UTC")
    assert schedule is None or schedule.words().endswith(", UTC")


@pytest.mark.parametrize(
    ("expression", "title"),
    [
        ("61 * * * *", "The minute '61' of the cron expression cannot be read."),
        ("* 24 * * *", "The hour '24' of the cron expression cannot be read."),
        ("* * 0 * *", "The day of month '0' of the cron expression cannot be read."),
        ("* * * JANUARY *", "The month 'JANUARY' of the cron expression cannot be read."),
        ("* * * * SAT-SUN", "The day of week 'SAT-SUN' of the cron expression cannot be read."),
        ("*/0 * * * *", "The minute '*/0' of the cron expression cannot be read."),
        ("\x1b[2J * * * *", r"The minute '\x1b[2J' of the cron expression cannot be read."),
        ("* * * *", "A cron expression has five fields; '* * * *' has 4."),
        ("0 * * * * *", "A cron expression has five fields; '0 * * * * *' has 6."),
        ("", "A cron expression has five fields; '' has 0."),
        ("@reboot", "A cron expression has five fields; '@reboot' has 1."),
        ("0 0 30 2 *", "The cron expression '0 0 30 2 *' names a date that never comes."),
        ("0 0 31 2,4,6,9,11 *", "The cron expression '0 0 31 2,4,6,9,11 *' names a date that never comes."),
        ("0 0 */20 * 1L", "The cron expression '0 0 */20 * 1L' names a date that never comes."),
        ("1," * 101 + "1 * * * *", "The cron expression is longer than 200 characters."),
    ],
)
def test_what_cannot_be_read_is_named(expression: str, title: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_cron(expression)
    assert caught.value.title == title
    assert caught.value.hint


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("europe/berlin", "Did you mean Europe/Berlin?"),
        ("Europe/Berlni", "Did you mean Europe/Berlin?"),
        ("", "Give a name such as UTC or Europe/Berlin."),
        ("../../etc/passwd", ""),
        ("/etc/localtime", ""),
        ("localtime", ""),
        ("a\0b", ""),
    ],
)
def test_a_zone_that_not_every_machine_knows_is_refused(zone: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="is not known") as caught:
        parse_cron("0 3 * * *", zone)
    assert hint in caught.value.hint
    assert caught.value.title.isprintable()


@settings(max_examples=300, deadline=None)
@given(
    expression=st.text(max_size=30)
    | st.lists(st.text("0123456789*/,-#LWMONSATDEC", min_size=1, max_size=6), min_size=5, max_size=5).map(
        " ".join
    )
)
def test_no_text_does_worse_than_an_error_in_words(expression: str) -> None:
    try:
        schedule = parse_cron(expression)
    except ConfigError as error:
        said = str(error)
    else:
        said = schedule.words()
        assert schedule.next_after(NEW_YEAR) > NEW_YEAR
    assert said.isprintable()


def test_a_schedule_is_what_it_says_and_can_be_parsed_again() -> None:
    schedule = parse_cron("  0   3 * * mon ", "Europe/Berlin")
    assert (schedule.expression, schedule.time_zone) == ("0 3 * * mon", "Europe/Berlin")
    assert parse_cron(schedule.expression, schedule.time_zone) == schedule
    assert parse_cron("@daily").expression == "0 0 * * *"
    assert not schedule.every_hour
    assert parse_cron("* 0-23 * * *").every_hour


def test_the_end_of_all_time_is_an_error_in_words() -> None:
    with pytest.raises(ConfigError, match="within 50 years"):
        parse_cron("0 0 * * *", "Asia/Tokyo").next_after(datetime(9999, 12, 31, 20, tzinfo=UTC))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError):
        parse_cron("0 0 * * *").next_after(NEW_YEAR.replace(tzinfo=None))
