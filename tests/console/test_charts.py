"""The Charts screen: its keys, the numbers under the cursor, and what it asks the database for."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.screens.charts import ChartsScreen
from bawt_console.screens.commanding import obey
from bawt_console.screens.runs import RunsScreen
from bawt_console.widgets.run_plots import Measure
from scheduler_core.domain import JobOverview, RunStatus
from tests.console.believable import NOW, World, a_job, a_run, an_overview, believable_world, ids
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, WIDE, opened, picture, toasts, until


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(believable_world())


async def charts(pilot: "Pilot[int]") -> ChartsScreen:
    await pilot.press("3")
    await settled(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, ChartsScreen)
    return screen


async def settled(pilot: "Pilot[int]") -> None:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await pilot.pause()
    await until(pilot, lambda: all(screen.is_idle for screen in app._live_screens()), "the rows")
    await pilot.pause()


async def press(pilot: "Pilot[int]", *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_numbers_of_the_window_and_of_the_step_stand_below_the_plots(
    source: FakeSource, size: tuple[int, int]
) -> None:
    async with opened(console_on(source), size) as pilot:
        screen = await charts(pilot)
        shown = picture(pilot.app)
        for words in ("all jobs", "44 runs", "last 24 h", "95 %", "p50", "p95", "▲", "60 s"):
            assert words in shown
        assert screen.step == len(screen.chart.steps) - 1  # type: ignore[union-attr]
        assert "03:00–0" in shown


async def test_the_cursor_moves_over_the_steps_and_shows_the_numbers_of_each(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await charts(pilot)
        chart = screen.chart
        assert chart is not None
        await press(pilot, "left", "left")
        assert screen.step == len(chart.steps) - 3
        assert screen.pointed == chart.steps[-3]
        assert "01:00–02:00" in picture(pilot.app)
        await press(pilot, "home")
        assert screen.step == 0
        await press(pilot, "left")
        assert toasts(pilot.app)[-1] == "This is the first step."  # type: ignore[arg-type]
        await press(pilot, "right", "end")
        assert screen.step == len(chart.steps) - 1


async def test_moving_the_cursor_asks_the_database_nothing(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        await charts(pilot)
        before = list(source.asked)
        await press(pilot, "left", "left", "home", "right", "m", "m")
        assert source.asked == before


async def test_w_goes_through_the_windows_and_m_through_the_measures(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        screen = await charts(pilot)
        seen = []
        for _ in range(5):
            await press(pilot, "w")
            seen.append(screen.window.word)
        assert seen == ["7d", "30d", "1h", "6h", "24h"]
        for measure in (Measure.RUNS, Measure.SUCCESS, Measure.LATENESS, Measure.DURATION):
            await press(pilot, "m")
            assert screen.measure is measure


async def test_the_arrows_choose_a_job_and_only_its_runs_are_counted(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        screen = await charts(pilot)
        await press(pilot, "up")
        assert toasts(pilot.app)[-1] == "All jobs are shown."  # type: ignore[arg-type]
        await press(pilot, "down", "down")
        job = screen.charted.overview
        assert job is not None
        assert job.job.bot_id == "mira"
        assert screen.chart is not None
        assert screen.chart.job_id == job.job.id
        day = [
            run
            for run in source.world.runs_of(job.job.id)
            if run.started_at is not None and run.started_at >= screen.chart.since
        ]
        assert screen.chart.whole.runs == len(day)
        assert "memory_consolidation mira" in picture(pilot.app)


async def test_the_cursor_follows_the_newest_step_until_it_is_moved(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await charts(pilot)
        await press(pilot, "w")
        assert screen.chart is not None
        assert screen.step == len(screen.chart.steps) - 1
        await press(pilot, "left")
        pointed_at = screen.chart.start_of(screen.step)
        source.tell("runs")
        await settled(pilot)
        assert screen.chart.start_of(screen.step) == pointed_at


async def test_new_runs_are_counted_as_they_come(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        await charts(pilot)
        job = source.world.jobs[0].job
        new = a_run(next(ids(99)), job, status=RunStatus.FAILED, started_at=NOW - timedelta(seconds=1))
        source.world.runs.insert(0, new)
        source.tell("runs")
        await until(pilot, lambda: "45 runs" in picture(pilot.app), "the new run")


async def test_a_frozen_chart_stays_as_it_is(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        await charts(pilot)
        await press(pilot, "f")
        before = source.asked.count("chart")
        source.tell("runs")
        await pilot.pause()
        assert source.asked.count("chart") == before


async def test_time_brings_the_next_step(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await charts(pilot)
        before = screen.chart
        assert before is not None
        screen.desk.now = lambda: before.until + timedelta(seconds=1)
        screen.tick()
        await settled(pilot)
        assert screen.chart is not None
        assert screen.chart.since == before.since + before.step


async def test_enter_shows_the_runs_of_the_step(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await charts(pilot)
        await press(pilot, *["down"] * 7, "left", "left")
        figures = screen.pointed
        assert figures.runs
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen), "the runs")
        shown = pilot.app.screen
        assert isinstance(shown, RunsScreen)
        await until(pilot, lambda: shown.is_loaded and shown.is_idle, "the rows")
        assert len(shown.table.rows) == figures.runs
        assert {run.job_type for run in shown.table.rows} == {"profile_maintenance"}


async def test_chart_names_a_job_and_a_window_from_any_screen(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        shown = app._shown
        assert shown is not None
        obey(shown, "chart memory_decay:atlas 7d lateness")
        await until(pilot, lambda: isinstance(app.screen, ChartsScreen), "the charts")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, ChartsScreen)
        assert (screen.charted.name, screen.window.word) == ("memory_decay:atlas", "7d")
        assert screen.measure is Measure.LATENESS
        assert screen.view.filter == "memory_decay:atlas 7d lateness"
        obey(screen, "chart nonsense")
        await until(
            pilot, lambda: any("There is no job “nonsense”" in each for each in toasts(app)), "a toast"
        )
        obey(screen, "chart all jobs")
        await until(pilot, lambda: screen.charted.job_id is None, "all jobs")


async def test_what_is_shown_is_exported_with_all_its_steps(source: FakeSource, tmp_path: Path) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await charts(pilot)
        file = tmp_path / "chart.jsonl"
        obey(screen, f"export {file}")
        await until(pilot, file.exists, "the file")
        await settled(pilot)
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert screen.chart is not None
        assert len(rows) == len(screen.chart.steps)
        assert sum(row["success"] for row in rows) == screen.chart.whole.success
        assert {"job", "since", "until", "p50_ms", "late_p95", "success_share"} <= set(rows[0])
        assert "late p95" in screen.copied()


async def test_a_click_points_at_a_step(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        screen = await charts(pilot)
        await pilot.click(screen.plots, offset=(10, 5))
        assert screen.step == 0


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_an_empty_database_says_that_nothing_ran(size: tuple[int, int]) -> None:
    async with opened(console_on(FakeSource(World())), size) as pilot:
        await charts(pilot)
        assert "No run began in the last 24 h." in picture(pilot.app)
        await press(pilot, "left", "down", "w", "m", "enter", "3")
        assert pilot.app.is_running


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_single_run_without_any_length_is_drawn(size: tuple[int, int]) -> None:
    world = World()
    job = a_job(next(ids(5)))
    run = a_run(next(ids(6)), job, duration_ms=0, scheduled_for=None)
    world.jobs, world.runs = [an_overview(job, [run])], [run]
    async with opened(console_on(FakeSource(world)), size) as pilot:
        screen = await charts(pilot)
        assert "1 run" in picture(pilot.app)
        for _ in range(4):
            await press(pilot, "m")
            assert not re.search(r"\b(nan|inf)\b", picture(pilot.app).lower())
        assert screen.chart is not None
        assert screen.chart.whole.success == 1


async def test_a_job_that_is_gone_gives_way_to_all_jobs(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        screen = await charts(pilot)
        await press(pilot, "down")
        source.world.jobs.clear()
        source.tell("jobs")
        await settled(pilot)
        assert screen.charted.job_id is None
        assert screen.chart is not None
        assert screen.chart.job_id is None


async def test_estimated_counts_say_so(source: FakeSource) -> None:
    chart = source.measures.chart

    async def estimated(**asked: object) -> object:
        return replace(await chart(**asked), estimated=True)  # type: ignore[arg-type]

    source.measures.chart = estimated  # type: ignore[assignment, method-assign]
    async with opened(console_on(source), MEDIUM) as pilot:
        await charts(pilot)
        assert "about 44 runs" in picture(pilot.app)


async def test_the_jobs_as_another_screen_saw_them_come_first_and_are_then_read_anew(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(console_on(source)) as pilot:
        old = source.jobs_known = (source.jobs_known[0],)
        source.asked.clear()
        shown: list[int] = []
        show = ChartsScreen._show_jobs

        def noted(screen: ChartsScreen, found: Sequence[JobOverview]) -> None:
            shown.append(len(found))
            show(screen, found)

        monkeypatch.setattr(ChartsScreen, "_show_jobs", noted)
        await charts(pilot)
        assert shown == [len(old), len(source.world.jobs)]
        assert "jobs" in source.asked


async def test_a_job_that_is_asked_for_is_looked_for_among_those_there_are_now(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        source.jobs_known = ()
        last = source.world.jobs[-1].job
        obey(pilot.app.screen, f"chart {last.job_type}:{last.bot_id}")  # type: ignore[arg-type]
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, ChartsScreen)
        assert screen.charted.job_id == last.id
