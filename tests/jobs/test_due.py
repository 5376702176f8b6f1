"""Interval slots, against a plain walk and against the claim on a real server; and the stable jitter."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement
from scheduler_core.jobs.due import jitter_of, next_slot

MICROSECOND = timedelta(microseconds=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEN_YEARS_IN_MINUTES = 5_256_000
# The database takes no slot before 1970.
LONGEST_DOWNTIME = timedelta(days=365 * 50)

moments = st.integers(0, 29 * 10**15).map(
    lambda passed: datetime(1970, 1, 1, tzinfo=UTC) + MICROSECOND * passed
)
intervals = st.integers(1, TEN_YEARS_IN_MINUTES).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("late", "ahead", "missed"),
    [
        (timedelta(0), timedelta(minutes=60), 0),
        (MICROSECOND, timedelta(minutes=60), 0),
        (timedelta(minutes=60) - MICROSECOND, timedelta(minutes=60), 0),
        (timedelta(minutes=60), timedelta(minutes=120), 1),
        (timedelta(minutes=190), timedelta(minutes=240), 3),
    ],
)
def test_the_next_slot_is_the_first_of_the_grid_after_now(
    late: timedelta, ahead: timedelta, missed: int
) -> None:
    assert next_slot(NOON, every=timedelta(minutes=60), now=NOON + late) == (NOON + ahead, missed)


def test_a_slot_that_lies_ahead_stays() -> None:
    assert next_slot(NOON, every=timedelta(minutes=1), now=NOON - timedelta(days=9)) == (NOON, 0)


@given(slot=moments, every=intervals, points=st.integers(0, 50), rest=st.integers(0, 10**15))
def test_a_walk_from_slot_to_slot_ends_at_the_same_place(
    slot: datetime, every: timedelta, points: int, rest: int
) -> None:
    now = slot + every * points + MICROSECOND * (rest % (every // MICROSECOND))
    walked, missed = slot + every, 0
    while walked <= now:
        walked += every
        missed += 1
    assert next_slot(slot, every=every, now=now) == (walked, missed)


@given(slot=moments, every=intervals, first=intervals, second=intervals)
def test_looking_twice_counts_every_slot_once(
    slot: datetime, every: timedelta, first: timedelta, second: timedelta
) -> None:
    middle, end = slot + first, slot + first + second
    there, before = next_slot(slot, every=every, now=middle)
    if there <= end:
        there, after = next_slot(there, every=every, now=end)
        # The slot that was claimed in between is counted by neither look.
        before += after + 1
    assert (there, before) == next_slot(slot, every=every, now=end)


@pytest.mark.parametrize("every", [timedelta(0), timedelta(minutes=-1)])
def test_an_interval_must_be_longer_than_nothing(every: timedelta) -> None:
    with pytest.raises(ValueError):
        next_slot(NOON, every=every, now=NOON)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError):
        next_slot(NOON.replace(tzinfo=None), every=timedelta(minutes=1), now=NOON)
    with pytest.raises(ValueError):
        next_slot(NOON, every=timedelta(minutes=1), now=NOON.replace(tzinfo=None))


@st.composite
def downtimes(draw: st.DrawFn) -> tuple[int, timedelta]:
    """An interval in minutes, and how late a slot is: often within a microsecond of another slot."""
    # Most people's intervals, and all the others.
    minutes = draw(st.integers(1, 1500) | st.integers(1, TEN_YEARS_IN_MINUTES))
    every = timedelta(minutes=minutes)
    slots = draw(st.integers(0, LONGEST_DOWNTIME // every))
    rest = draw(st.sampled_from([-1, 0, 1]) | st.integers(0, every // MICROSECOND))
    return minutes, min(max(timedelta(0), every * slots + MICROSECOND * rest), LONGEST_DOWNTIME)


async def claim_late_jobs(
    connection: Connection, late: list[tuple[int, timedelta]]
) -> tuple[datetime, list[tuple[datetime, int, datetime, int]]]:
    """The claim's now, and for each job its slot, its interval, its next slot and what the run stands for."""
    await connection.execute("DELETE FROM scheduled_jobs")
    now = await connection.fetchval("SELECT now()")
    await connection.executemany(
        "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
        " VALUES ('late', $1, $2, now() - $3::interval)",
        [(str(number), minutes, downtime) for number, (minutes, downtime) in enumerate(late)],
    )
    claim = statement("claim_due")
    # What else the claim can be told has no part in the arithmetic.
    values = claim.bind(**dict.fromkeys(claim.names) | {"batch": len(late)})
    await connection.fetch(claim.text, *values)
    rows = await connection.fetch(
        "SELECT r.scheduled_for, j.interval_minutes, j.next_run_at, r.coalesced"
        " FROM scheduled_jobs j JOIN job_runs r ON r.job_id = j.id WHERE j.job_type = 'late'"
    )
    return now, [tuple(row) for row in rows]


@settings(
    max_examples=40,
    deadline=None,
    # Each example works in a transaction of its own that is rolled back.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(late=st.lists(downtimes(), min_size=1, max_size=40))
async def test_the_claim_in_the_database_computes_the_same(
    database: Database, late: list[tuple[int, timedelta]]
) -> None:
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            now, rows = await claim_late_jobs(connection, late)
        finally:
            await transaction.rollback()
    assert len(rows) == len(late)
    for slot, minutes, following, coalesced in rows:
        assert (following, coalesced) == next_slot(slot, every=timedelta(minutes=minutes), now=now)


@given(job=st.uuids(), most=st.timedeltas(min_value=MICROSECOND, max_value=timedelta(days=3650)))
def test_jitter_is_at_least_nothing_and_less_than_the_most(job: UUID, most: timedelta) -> None:
    assert timedelta(0) <= jitter_of(job, most) < most
    assert jitter_of(UUID(str(job)), most) == jitter_of(job, most)


def test_jitter_is_the_same_for_ever() -> None:
    # Another release that disagrees would move every job on a mixed set of nodes.
    hour = timedelta(hours=1)
    assert jitter_of(UUID(int=0), hour) == timedelta(seconds=1157, microseconds=554943)
    assert jitter_of(UUID(int=1), hour) == timedelta(seconds=2674, microseconds=114144)
    assert jitter_of(UUID("12345678-1234-5678-1234-567812345678"), hour) == timedelta(
        seconds=1734, microseconds=378550
    )


def test_jitter_spreads_jobs_evenly() -> None:
    minutes = [0] * 60
    for number in range(6000):
        minutes[jitter_of(UUID(int=number), timedelta(hours=1)) // timedelta(minutes=1)] += 1
    # A hundred each on average; five standard deviations either way.
    assert min(minutes) >= 50
    assert max(minutes) <= 150


def test_no_jitter_is_none_and_a_negative_one_is_refused() -> None:
    assert jitter_of(UUID(int=7), timedelta(0)) == timedelta(0)
    with pytest.raises(ValueError):
        jitter_of(UUID(int=7), -MICROSECOND)
