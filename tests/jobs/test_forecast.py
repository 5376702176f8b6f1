"""The forecast: what must hold of every schedule, and small ones that can be followed by hand."""

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.domain import Job, RunStatus
from scheduler_core.figures import ActiveRun, Forecast, JobHabit, Outlook, PredictedRun
from scheduler_core.jobs.forecast import predict
from scheduler_core.jobs.rehearsal import slots_ahead

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROFILE, CONSOLIDATION, DECAY = "profile_maintenance", "memory_consolidation", "memory_decay"


def habit(
    number: int,
    job_type: str = "x",
    *,
    minutes: int = 60,
    first: timedelta = timedelta(0),
    seconds: float | None = 60.0,
    long: float | None = None,
    places: int | None = None,
    bots: tuple[str, ...] = ("*",),
    queues: bool = False,
    enabled: bool = True,
    cron: str | None = None,
    time_zone: str = "UTC",
    backoff_until: datetime | None = None,
) -> JobHabit:
    job = Job(
        id=UUID(int=number),
        job_type=job_type,
        bot_id=bots[0],
        enabled=enabled,
        interval_minutes=minutes,
        last_run_at=None,
        next_run_at=NOON + first,
        config_json="{}",
        claim_seq=0,
        created_at=NOON,
        cron=cron,
        time_zone=time_zone,
        backoff_until=backoff_until,
    )
    p50 = None if seconds is None else seconds * 1000
    p95 = p50 if long is None else long * 1000
    return JobHabit(job=job, bots=bots, p50_ms=p50, p95_ms=p95, places=places, queues=queues)


def look(*habits: JobHabit, active: tuple[ActiveRun, ...] = (), hours: float = 24) -> Forecast:
    return predict(Outlook(now=NOON, habits=habits, active=active), horizon=HOUR * hours)


def active(number: int, *, job_type: str = "x", ago: float, waits: bool = False, bot: str = "*") -> ActiveRun:
    return ActiveRun(
        job_id=UUID(int=number),
        job_type=job_type,
        bot_id=bot,
        status=RunStatus.PENDING if waits else RunStatus.RUNNING,
        since=NOON - timedelta(seconds=ago),
    )


def seconds(runs: tuple[PredictedRun, ...]) -> list[tuple[float, float, float]]:
    """Slot, start and end of each, in seconds from noon."""
    return [
        tuple((each - NOON).total_seconds() for each in (run.due, run.start, run.end))  # type: ignore[misc]
        for run in runs
    ]


def test_an_interval_job_runs_at_each_of_its_slots() -> None:
    [lane] = look(habit(1, minutes=90, first=timedelta(minutes=10)), hours=4).lanes
    assert seconds(lane.runs) == [(600, 600, 660), (6000, 6000, 6060), (11400, 11400, 11460)]
    assert (lane.skipped, lane.worst_wait, lane.long_wait, lane.is_guess) == (0, 0, 0, False)


def test_a_slot_that_is_overdue_runs_now_and_the_grid_stays() -> None:
    [lane] = look(habit(1, minutes=60, first=-timedelta(minutes=150)), hours=2).lanes
    assert [due for due, _, _ in seconds(lane.runs)] == [0, 1800, 5400]


def test_a_cron_job_keeps_its_wall_clock_through_a_change_of_the_clock() -> None:
    # In Berlin the clock goes forward on the 29th of March 2026 at 02:00.
    start = datetime(2026, 3, 28, 0, tzinfo=UTC)
    first = datetime(2026, 3, 28, 4, tzinfo=UTC) - NOON
    job = habit(1, cron="0 5 * * *", time_zone="Europe/Berlin", first=first).job
    slots = list(slots_ahead(job, now=start, until=start + timedelta(days=2)))
    assert slots == [datetime(2026, 3, 28, 4, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC)]


@pytest.mark.parametrize("cron", ["not a cron at all", "0 0 30 2 *"])
def test_a_cron_expression_that_names_no_time_has_no_slots(cron: str) -> None:
    [lane] = look(habit(1, cron=cron, first=-HOUR)).lanes
    assert lane.runs == ()


def test_jobs_of_a_limited_type_wait_for_each_other_and_the_wait_is_told() -> None:
    forecast = look(
        habit(1, PROFILE, seconds=600, long=900), habit(2, PROFILE, seconds=30, minutes=180), hours=3
    )
    first, second = forecast.lanes
    assert seconds(second.runs) == [(0, 600, 630)]
    assert (first.worst_wait, second.worst_wait, second.long_wait) == (0, 600, 900)
    [collision] = forecast.collisions
    assert (collision.job.id.int, collision.other.id.int) == (2, 1)
    assert (collision.at, collision.wait, collision.long_wait, collision.times) == (NOON, 600, 900, 1)


def test_a_collision_that_only_long_runs_bring_is_told_as_such() -> None:
    late = timedelta(minutes=5)
    forecast = look(
        habit(1, PROFILE, seconds=60, long=420),
        habit(2, PROFILE, seconds=30, first=late, minutes=1440),
        hours=1,
    )
    [collision] = forecast.collisions
    assert (collision.at, collision.wait, collision.long_wait, collision.times) == (NOON + late, 0, 120, 0)


def test_bots_of_one_job_take_turns_on_its_place() -> None:
    forecast = look(habit(1, CONSOLIDATION, bots=("a", "b", "c"), seconds=10, minutes=1440))
    [lane] = forecast.lanes
    assert [(run.bot_id, run.wait) for run in lane.runs] == [("a", 0), ("b", 10), ("c", 20)]
    [collision] = forecast.collisions
    assert (collision.job, collision.other, collision.times) == (lane.job, lane.job, 2)


def test_a_type_without_a_limit_never_waits() -> None:
    forecast = look(*(habit(number, DECAY, seconds=4000) for number in range(5)), hours=2)
    assert not forecast.collisions
    assert {run.wait for lane in forecast.lanes for run in lane.runs} == {0}


def test_a_slot_that_comes_while_the_run_before_is_there_is_skipped_unless_it_queues() -> None:
    [skips] = look(habit(1, minutes=1, seconds=90), hours=0.1).lanes
    assert (len(skips.runs), skips.skipped) == (3, 3)
    [queues] = look(habit(1, minutes=1, seconds=90, queues=True), hours=0.1).lanes
    assert seconds(queues.runs)[:3] == [(0, 0, 90), (60, 90, 180), (120, 180, 270)]


def test_slots_of_a_job_that_backs_off_are_skipped() -> None:
    [lane] = look(habit(1, backoff_until=NOON + HOUR * 2), hours=4).lanes
    assert (lane.skipped, [due for due, _, _ in seconds(lane.runs)]) == (2, [7200, 10800])


def test_a_run_that_is_there_holds_its_place_until_it_usually_ends() -> None:
    forecast = look(
        habit(1, PROFILE, seconds=100, first=HOUR * 2),
        habit(2, PROFILE, seconds=5, first=timedelta(seconds=1), minutes=1440),
        active=(active(1, job_type=PROFILE, ago=40),),
        hours=1,
    )
    first, second = forecast.lanes
    assert seconds(first.runs) == [(-40, -40, 60)]
    assert seconds(second.runs) == [(1, 60, 65)]


@pytest.mark.parametrize(("ago", "ends"), [(40, 60), (140, 360), (900, 0)])
def test_a_run_that_takes_longer_than_usual_is_expected_to_take_long(ago: float, ends: float) -> None:
    [lane] = look(
        habit(1, seconds=100, long=500, first=HOUR * 2), active=(active(1, ago=ago),), hours=1
    ).lanes
    assert [end for _, _, end in seconds(lane.runs)] == [ends]


def test_a_run_that_waits_starts_before_later_slots() -> None:
    forecast = look(
        habit(1, PROFILE, first=HOUR * 2),
        habit(2, PROFILE, minutes=1440),
        active=(active(1, job_type=PROFILE, ago=5, waits=True),),
        hours=1,
    )
    first, second = forecast.lanes
    assert seconds(first.runs) == [(0, 0, 60)]
    assert seconds(second.runs) == [(0, 60, 120)]


def test_a_run_of_a_deleted_job_is_nobodys_lane() -> None:
    gone = ActiveRun(job_id=None, job_type="x", bot_id="*", status=RunStatus.RUNNING, since=NOON)
    [lane] = look(habit(1), active=(gone,), hours=1).lanes
    assert len(lane.runs) == 1


def test_paused_jobs_are_counted_and_predicted_nothing() -> None:
    forecast = look(habit(1), habit(2, enabled=False))
    assert (len(forecast.lanes), forecast.paused) == (1, 1)


def test_a_job_without_a_past_takes_as_long_as_others_of_its_type() -> None:
    known, guessed, unknown = look(
        habit(1, seconds=50), habit(2, seconds=None), habit(3, "y", seconds=None), hours=1
    ).lanes
    assert (known.is_guess, guessed.is_guess, unknown.is_guess) == (False, True, True)
    assert seconds(guessed.runs) == [(0, 0, 50)]
    assert seconds(unknown.runs) == [(0, 0, 0)]


def test_the_model_is_busy_while_any_job_that_asks_it_runs() -> None:
    model = look(
        habit(1, PROFILE, seconds=1800, long=3600, minutes=120),
        habit(2, CONSOLIDATION, seconds=1800, minutes=240, first=timedelta(minutes=15)),
        habit(3, DECAY, seconds=3600, minutes=60),
        hours=4,
    ).model
    assert [(start, end) for start, end in model.spans] == [
        (NOON, NOON + timedelta(minutes=45)),
        (NOON + HOUR * 2, NOON + HOUR * 2.5),
    ]
    assert model.share == pytest.approx(75 / 240)
    assert model.long_share == pytest.approx(120 / 240)
    assert (model.together, model.together_at) == (900, NOON + timedelta(minutes=15))


def test_too_many_runs_shorten_the_forecast_rather_than_the_patience() -> None:
    habits = tuple(habit(number, minutes=1, seconds=1) for number in range(100))
    began = time.perf_counter()
    forecast = look(*habits)
    took = time.perf_counter() - began
    assert forecast.is_cut
    assert NOON + HOUR < forecast.until < NOON + HOUR * 2
    assert sum(len(lane.runs) for lane in forecast.lanes) <= 10_000
    assert took < 5


def test_nothing_ahead_is_an_empty_forecast() -> None:
    forecast = look()
    assert (forecast.lanes, forecast.collisions, forecast.model.share) == ((), (), 0.0)


lengths = st.integers(0, 7200).map(float)
habits_of_any_kind = st.builds(
    habit,
    st.integers(1, 10**9),
    st.sampled_from(["x", "y", PROFILE, CONSOLIDATION]),
    minutes=st.integers(5, 600),
    first=st.integers(-600, 600).map(lambda minutes: timedelta(minutes=minutes)),
    seconds=st.none() | lengths,
    long=lengths,
    places=st.none() | st.integers(1, 3),
    bots=st.sampled_from([("*",), ("a", "b"), ("a", "b", "c", "d")]),
    queues=st.booleans(),
    backoff_until=st.none() | st.integers(0, 600).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)
outlooks = st.lists(habits_of_any_kind, max_size=6, unique_by=lambda each: each.job.id)


def places_of(habits: list[JobHabit]) -> dict[str, int]:
    found = {PROFILE: 0, CONSOLIDATION: 0}
    for each in habits:
        if each.places is not None:
            found[each.job.job_type] = max(each.places, found.get(each.job.job_type, 0))
    return {job_type: most or 1 for job_type, most in found.items()}


def most_at_once(runs: list[PredictedRun]) -> int:
    edges = sorted([(run.start, 1) for run in runs] + [(run.end, -1) for run in runs if run.end > run.start])
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most


@given(outlooks)
def test_no_type_has_more_runs_at_once_than_places_and_no_job_and_bot_two(habits: list[JobHabit]) -> None:
    of_type, of_chain = defaultdict(list), defaultdict(list)
    for lane in look(*habits).lanes:
        for run in lane.runs:
            # A run without a length is over before anybody could meet it.
            if run.end > run.start:
                of_type[lane.job.job_type].append(run)
                of_chain[lane.job.id, run.bot_id].append(run)
    for job_type, most in places_of(habits).items():
        assert most_at_once(of_type[job_type]) <= most
    assert all(most_at_once(runs) <= 1 for runs in of_chain.values())


@given(outlooks)
def test_every_slot_becomes_a_run_or_is_skipped_or_still_waits_at_the_end(habits: list[JobHabit]) -> None:
    forecast = look(*habits)
    by_id = {each.job.id: each for each in habits}
    for lane in forecast.lanes:
        bots = len(by_id[lane.job.id].bots)
        slots = len(list(slots_ahead(lane.job, now=NOON, until=forecast.until))) * bots
        assert 0 <= slots - len(lane.runs) - lane.skipped <= bots


@given(outlooks)
def test_a_run_never_starts_early_and_waits_only_while_somebody_is_in_its_way(habits: list[JobHabit]) -> None:
    forecast = look(*habits)
    ends: defaultdict[str, set[datetime]] = defaultdict(set)
    for lane in forecast.lanes:
        ends[lane.job.job_type] |= {run.end for run in lane.runs}
    for lane in forecast.lanes:
        for run in lane.runs:
            assert run.due <= run.start <= run.end
            assert NOON <= run.start < forecast.until
            # Whoever waited starts in the moment another of the type gives its place back.
            assert run.start == run.due or run.start in ends[lane.job.job_type]


@given(outlooks)
def test_runs_of_a_type_start_in_the_order_they_came_unless_their_own_run_before_is_in_the_way(
    habits: list[JobHabit],
) -> None:
    runs: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for lane in look(*(each for each in habits if not each.queues)).lanes:
        runs[lane.job.job_type] += [(run.due, run.start) for run in lane.runs]
    for found in runs.values():
        starts = [start for _, start in sorted(found)]
        assert starts == sorted(starts)


@given(outlooks)
def test_waits_and_shares_agree_with_the_runs(habits: list[JobHabit]) -> None:
    forecast = look(*habits)
    for lane in forecast.lanes:
        if not any(each.queues for each in habits):
            assert lane.worst_wait == max((run.wait for run in lane.runs), default=0)
        assert lane.long_wait >= lane.worst_wait >= 0
    assert 0 <= forecast.model.share <= 1
    assert 0 <= forecast.model.long_share <= 1
    for (_, end), (start, _) in zip(forecast.model.spans, forecast.model.spans[1:], strict=False):
        assert end < start
    assert sorted(-each.wait for each in forecast.collisions) == [-each.wait for each in forecast.collisions]


def test_of_two_slots_at_one_moment_the_job_that_is_listed_first_goes_first() -> None:
    half_hourly = habit(1, minutes=30, first=HOUR / 2, seconds=600, places=1)
    hourly = habit(2, minutes=60, first=HOUR, seconds=600, places=1)
    seen = look(half_hourly, hourly, hours=1.4)
    assert [(each.job.id.int, each.other.id.int, each.wait) for each in seen.collisions] == [(2, 1, 600)]
    turned = look(hourly, half_hourly, hours=1.4)
    assert [(each.job.id.int, each.other.id.int, each.wait) for each in turned.collisions] == [(1, 2, 600)]
