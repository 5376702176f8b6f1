"""The Forecast screen: lanes, collisions in words, the selected lane, and when it is computed anew."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.foresight import at_time, name_of, part
from bawt_console.screens.commanding import obey
from bawt_console.screens.forecast import COLLISIONS_SHOWN, ForecastScreen
from bawt_console.screens.jobs import JobsScreen
from bawt_console.widgets.lane_table import IDLE, drawn, hours, lane_rows
from scheduler_core.figures import Forecast
from tests.console.believable import World, believable_world, busy_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, WIDE, jobs_of, opened, picture, toasts, until
from tests.console.test_charts import press, settled


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(busy_world())


async def forecast(pilot: "Pilot[int]") -> ForecastScreen:
    await pilot.press("4")
    await settled(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, ForecastScreen)
    return screen


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_a_collision_is_told_in_words_at_every_width(source: FakeSource, size: tuple[int, int]) -> None:
    async with opened(console_on(source), size) as pilot:
        await forecast(pilot)
        shown = " ".join(picture(pilot.app).split())
        assert "04:44 profile_maintenance nova collides with profile_maintenance * → predicted 7 min" in shown
        for words in ("model 51 % busy", "worst wait 7 min at 04:44", "‖ 1 paused", "! 7 min"):
            assert words in shown


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_a_forecast_of_some_jobs_says_of_how_many(source: FakeSource, size: tuple[int, int]) -> None:
    source.world.all_jobs = 3003
    async with opened(console_on(source), size) as pilot:
        await forecast(pilot)
        assert f"{len(source.world.jobs)} of 3,003 jobs" in picture(pilot.app)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (3e-5, "under 1 %"),
        (0.0049, "under 1 %"),
        (0.006, "1 %"),
        (0.51, "51 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_told_in_whole_per_cents_and_never_as_more_than_it_is(share: float, words: str) -> None:
    assert part(share) == words


async def test_a_lane_tells_its_next_starts_and_which_of_them_wait(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await forecast(pilot)
        names = [None if row.lane is None else name_of(row.lane.job) for row in screen.lanes.rows]
        await press(pilot, *["down"] * names.index("profile_maintenance nova"))
        told = screen.told.plain
        assert "collides with profile_maintenance *" in told
        assert "04:44" in told
        assert "! starts 04:52, 7 min late, takes 18:00 min" in told
        assert "6 runs to come" in picture(pilot.app)


async def test_of_very_many_collisions_the_longest_are_told_and_the_others_counted(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        found = await source.measures.forecast()
        worst = found.collisions[0]
        many = tuple(replace(worst, wait=worst.wait - n / 100) for n in range(COLLISIONS_SHOWN + 7))

        async def crowded() -> Forecast:
            return replace(found, collisions=many)

        monkeypatch.setattr(source.measures, "forecast", crowded)
        screen = await forecast(pilot)
        told = screen.told.plain.splitlines()
        assert sum("collides with" in line for line in told) == COLLISIONS_SHOWN
        assert told[COLLISIONS_SHOWN] == "… and 7 more, none of which waits longer"
        assert f"{COLLISIONS_SHOWN + 7} collisions" in picture(pilot.app)


async def test_l_shows_what_comes_if_every_run_takes_long(source: FakeSource) -> None:
    async with opened(console_on(source), WIDE) as pilot:
        screen = await forecast(pilot)
        assert "51 % busy" in picture(pilot.app)
        before = [row.spans for row in screen.lanes.rows]
        await press(pilot, "l")
        shown = picture(pilot.app)
        assert "73 % busy" in shown
        assert "if every run takes long (p95)" in shown
        assert "! 29 min" in shown
        assert [row.spans for row in screen.lanes.rows] != before
        await press(pilot, "l")
        assert [row.spans for row in screen.lanes.rows] == before


async def test_enter_opens_the_job_of_the_lane(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await forecast(pilot)
        await press(pilot, "enter")
        assert toasts(pilot.app)[-1] == "The model's lane has no job to open."  # type: ignore[arg-type]
        await press(pilot, "down", "down")
        assert screen.selected is not None
        wanted = screen.selected.job.id
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen), "the jobs")
        await settled(pilot)
        chosen = jobs_of(pilot.app).selected  # type: ignore[arg-type]
        assert chosen is not None
        assert chosen.job.id == wanted


async def test_a_job_without_a_past_is_a_guess(source: FakeSource) -> None:
    for place, each in enumerate(source.world.jobs):
        if each.job.job_type == "memory_decay":
            source.world.jobs[place] = replace(each, p50_ms=None, p95_ms=None)
    async with opened(console_on(source), WIDE) as pilot:
        await forecast(pilot)
        assert "~ unknown" in picture(pilot.app)
        await press(pilot, "down")
        assert "takes ~ unknown: no run of its type ended yet" in picture(pilot.app)


async def test_the_forecast_is_computed_anew_when_jobs_change_and_as_time_passes(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await forecast(pilot)
        asked = source.asked.count("forecast")
        source.world.jobs = [each for each in source.world.jobs if each.job.job_type != "memory_decay"]
        source.tell("jobs")
        await until(pilot, lambda: "memory_decay" not in picture(pilot.app), "the lanes without the job")
        at = screen.desk.now()
        screen.desk.now = lambda: at + timedelta(seconds=59)
        screen.tick()
        await settled(pilot)
        now = source.asked.count("forecast")
        assert now == asked + 1
        screen.desk.now = lambda: at + timedelta(seconds=61)
        screen.tick()
        await settled(pilot)
        assert source.asked.count("forecast") == now + 1


async def test_only_paused_jobs_say_where_they_go_on() -> None:
    world = believable_world()
    world.jobs = [replace(each, job=replace(each.job, enabled=False)) for each in world.jobs]
    async with opened(console_on(FakeSource(world)), NARROW) as pilot:
        await forecast(pilot)
        assert "Nothing is to come: 8 jobs are paused." in picture(pilot.app)
        await press(pilot, "down", "l", "enter")
        assert pilot.app.is_running


async def test_an_empty_database_says_that_there_are_no_jobs() -> None:
    async with opened(console_on(FakeSource(World())), NARROW) as pilot:
        await forecast(pilot)
        assert "Nothing is to come: there are no jobs yet." in picture(pilot.app)


async def test_a_job_that_was_resumed_gets_its_lane_and_the_keys_work(source: FakeSource) -> None:
    world = source.world
    paused = [replace(each, job=replace(each.job, enabled=False)) for each in world.jobs]
    world.jobs, jobs = paused, world.jobs
    async with opened(console_on(source), NARROW) as pilot:
        screen = await forecast(pilot)
        world.jobs = jobs
        source.tell("jobs")
        await until(pilot, lambda: len(screen.lanes.rows) == 8, "the lanes")
        await press(pilot, "down")
        assert screen.selected is not None


async def test_runs_to_come_are_exported(source: FakeSource, tmp_path: Path) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await forecast(pilot)
        file = tmp_path / "ahead.jsonl"
        obey(screen, f"export {file}")
        await until(pilot, file.exists, "the file")
        await settled(pilot)
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert screen.forecast is not None
        assert len(rows) == sum(len(lane.runs) for lane in screen.forecast.lanes)
        assert {"job_type", "due", "start", "end", "wait_seconds", "is_guess"} <= set(rows[0])
        assert "collides with" in screen.copied()


async def test_lanes_are_as_wide_as_asked_and_hours_are_local(source: FakeSource) -> None:
    found = await source.measures.forecast()
    model, *lanes = lane_rows(found)
    for width in (1, 7, 24, 60, 200):
        for row in (model, *lanes):
            assert len(drawn(row, width).plain) == width
    assert IDLE in drawn(lanes[0], 60).plain
    assert "!" in "".join(drawn(row, 60).plain for row in lanes)
    # 03:14 UTC is 08:59 there, and the first full hour begins a minute later.
    kathmandu = hours(model, 120, ZoneInfo("Asia/Kathmandu")).plain
    assert kathmandu.split()[0] in ("09:00", "10:00")
    assert hours(model, 5, None).plain == ""


async def test_a_failing_forecast_is_tried_again_and_the_console_stays(source: FakeSource) -> None:
    app = console_on(source)
    async with opened(app, MEDIUM) as pilot:
        broken, source.measures.forecast = source.measures.forecast, _broken  # type: ignore[assignment, method-assign]
        await pilot.press("4")
        await until(pilot, lambda: any("went wrong" in each for each in toasts(app)), "the sentence")
        source.measures.forecast = broken  # type: ignore[method-assign]
        assert isinstance(app, ConsoleApp)
        shown = app.screen
        assert isinstance(shown, ForecastScreen)
        shown.moved()
        await until(pilot, lambda: shown.forecast is not None, "the forecast")


async def _broken() -> object:
    raise ZeroDivisionError


def test_a_time_far_ahead_is_told_by_its_date() -> None:
    now = datetime(2026, 11, 22, 3, 14, tzinfo=UTC)
    told = [
        at_time(at, now, UTC)
        for at in (
            now,
            now + timedelta(days=6),
            now + timedelta(days=7),
            datetime(2999, 1, 1, tzinfo=UTC),
        )
    ]
    assert told == ["03:14", "Sat 03:14", "29 Nov", "Jan 2999"]
    assert max(map(len, told)) <= 9, "as wide as its column"
