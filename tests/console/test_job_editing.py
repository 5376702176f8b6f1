"""Marks, actions on many jobs, orders, freezing and the schedule editor on the Jobs screen."""

import re
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ConfirmScreen, ReasonScreen
from bawt_console.screens.jobs import JobsScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.schedule import ScheduleScreen
from scheduler_core.domain import RunMode, RunStatus
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, WIDE, jobs_of, opened, picture, runs_of, toasts, until


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(believable_world())


def app_of(pilot: "Pilot[int]") -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


async def test_marked_jobs_are_paused_together_and_the_question_says_how_many(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = app_of(pilot)
        await pilot.press("slash", *"job:memory_decay", "enter", "asterisk")
        await until(pilot, lambda: "▪ 3 marked" in picture(app), "the marks")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ReasonScreen), "the question")
        shown = picture(app)
        # One of the three is paused already, which only the server may say.
        assert "Pause 2 jobs?" in shown
        question = " ".join(str(each.render()) for each in app.screen.query(".line"))
        assert "left out 1 that it does not fit now" in question
        named = re.findall(r"memory_decay [^ ,;]+", question)
        enabled = {f"memory_decay {each.job.bot_id}" for each in source.world.jobs if each.job.enabled}
        assert len(named) == 2
        assert set(named) <= enabled
        await pilot.press(*"night", "enter")
        await until(
            pilot, lambda: toasts(app) == ["Paused 2 jobs; left out 1 that it does not fit now."], "it"
        )
        paused = [each.job for each in source.world.jobs if each.job.paused_reason == "night"]
        assert {job.job_type for job in paused} == {"memory_decay"}
        await pilot.press("P")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        assert "Resume 3 jobs?" in picture(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        assert sum(not each.job.enabled for each in source.world.jobs) == 3
        await pilot.press("P", "y")
        await until(pilot, lambda: toasts(app) == ["Resumed 3 jobs."], "the notice")
        assert all(each.job.enabled for each in source.world.jobs)


async def test_marks_stay_on_their_jobs_and_escape_takes_them_away(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = app_of(pilot)
        await pilot.press("space", "space")
        jobs = jobs_of(app)
        marked = jobs.table.marks
        assert len(marked) == 2
        await pilot.press("s", "s")
        assert jobs.table.marks == marked
        assert sum("▪" in line and "marked" not in line for line in picture(app).splitlines()) == 2
        await pilot.press("e")
        await until(pilot, lambda: "about one job" in str(toasts(app)), "the reason")
        await pilot.press("escape")
        await pilot.pause()
        assert jobs.table.marks == frozenset()


async def test_many_are_run_once_after_asking(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = app_of(pilot)
        await pilot.press("asterisk", "R")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        assert "Run 8 jobs now?" in picture(app)
        await pilot.press("y")
        await until(pilot, lambda: toasts(app) == ["Added 8 runs for 8 jobs."], "the notice")


async def test_every_order_names_itself_and_keeps_the_cursor_on_its_job(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = app_of(pilot)
        jobs = jobs_of(app)
        chosen = jobs.selected
        seen = set()
        for _ in range(6):
            await pilot.press("s")
            seen.add(next(w for w in picture(app).splitlines() if "8 jobs" in w).split("·")[1].strip(" ─"))
            assert jobs.selected is not None
            assert chosen is not None
            assert jobs.selected.job.id == chosen.job.id
        assert len(seen) == 6
        assert "next due first" in seen


async def test_each_screen_is_frozen_for_itself(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = app_of(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "frozen" in picture(app), "the word")
        await pilot.press("2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        await pilot.pause()
        assert "frozen" not in picture(app)
        await pilot.press("1")
        await until(pilot, lambda: "frozen" in picture(app), "the word")


async def test_a_dry_run_shows_its_diff_and_is_applied_from_the_keyboard(source: FakeSource) -> None:
    async with opened(console_on(source), WIDE) as pilot:
        app = app_of(pilot)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the diff")
        await until(pilot, lambda: "What it changes is known when it is over." in picture(app), "the note")
        assert "dry run" in picture(app)
        await pilot.press("A")
        await until(pilot, lambda: toasts(app)[-1:] == ["The dry run is not over."], "the reason")
        ((number, run),) = [(n, r) for n, r in enumerate(source.world.runs) if r.mode is RunMode.DRY_RUN]
        from tests.console.believable import NOW

        source.world.runs[number] = replace(
            run, status=RunStatus.SUCCESS, started_at=NOW, finished_at=NOW, duration_ms=900
        )
        source.world.changes[run.id] = next(iter(source.world.changes.values()))
        source.world.jobs = [replace(each, current=None) for each in source.world.jobs]
        source.tell("runs", "jobs")
        await until(pilot, lambda: "would change 1 object" in picture(app), "the diff")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "applies the dry run" in str(toasts(app)), "the notice")
        (applied,) = [each for each in source.world.runs if each.mode is RunMode.APPLY]
        assert applied.source_run_id == run.id
        # What came of it is what is shown next.
        shown = app.screen
        assert isinstance(shown, RunScreen)
        assert shown.run_id == applied.id


async def test_undo_says_how_much_it_gives_back_and_asks(source: FakeSource) -> None:
    run_id = next(iter(source.world.changes))
    async with opened(console_on(source), WIDE) as pilot:
        app = app_of(pilot)
        await pilot.press("2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        runs_of(app).table.find(run_id)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        assert "It changed 1 object." in picture(app)
        await pilot.press("y")
        await until(pilot, lambda: "takes back a run of" in str(toasts(app)), "the notice")
        assert [each.source_run_id for each in source.world.runs if each.mode is RunMode.UNDO] == [run_id]


async def test_undo_is_grey_on_an_apply_that_failed_and_refused_where_nothing_changed(
    source: FakeSource,
) -> None:
    first, second = [n for n, run in enumerate(source.world.runs) if run.status is RunStatus.FAILED][:2]
    origin = source.world.runs[second].id
    source.world.runs[first] = replace(
        source.world.runs[first], mode=RunMode.APPLY, source_run_id=origin, job_type="memory_decay"
    )
    source.world.changes[origin] = []
    async with opened(console_on(source), WIDE) as pilot:
        app = app_of(pilot)
        await pilot.press("2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        for place, reason in (
            (first, "Applying failed, so it changed nothing."),
            (second, "This run changed nothing."),
        ):
            runs_of(app).table.find(source.world.runs[place].id)
            await pilot.press("u")
            await until(pilot, lambda reason=reason: toasts(app)[-1:] == [reason], "the reason")  # type: ignore[misc]  # a default binds the loop's value
        assert not isinstance(app.screen, ConfirmScreen)


async def test_only_failed_runs_are_retried(source: FakeSource) -> None:
    async with opened(console_on(source), WIDE) as pilot:
        app = app_of(pilot)
        await pilot.press("2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        failed = next(run for run in source.world.runs if run.status is RunStatus.FAILED)
        runs_of(app).table.find(failed.id)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "Added attempt 2 of" in str(toasts(app)), "the notice")
        good = next(run for run in source.world.runs if run.status is RunStatus.SUCCESS)
        runs_of(app).table.find(good.id)
        await pilot.press("t")
        await until(pilot, lambda: "Only failed runs are retried" in str(toasts(app)), "the reason")


async def test_the_editor_reads_what_is_typed_and_stores_it(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = app_of(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ScheduleScreen), "the editor")
        await until(pilot, lambda: "every 1 d" in picture(app), "the meaning")
        await pilot.press("tab", *"30 3 * * 1-5".replace(" ", "_").replace("_", " "))
        await until(pilot, lambda: "at 03:30 on Monday through Friday, UTC" in picture(app), "the words")
        assert "2026-11-23 03:30:00" in picture(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        await until(pilot, lambda: "is now cron 30 3 * * 1-5 UTC." in str(toasts(app)), "the notice")
        assert [each.job.cron for each in source.world.jobs if each.job.cron] == ["30 3 * * 1-5"]


async def test_the_editor_tells_the_five_times_in_the_time_zone_of_the_job_too(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = app_of(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ScheduleScreen), "the editor")
        await pilot.press("tab", *"*/7 1,3 1-5 */2 7", "tab", "ctrl+u", *"Europe/Berlin")
        await until(pilot, lambda: "CET" in picture(app), "the other time zone")
        times = re.findall(r"\d{4}-\d\d-\d\d (\d\d):(\d\d):00   (\d\d):(\d\d) CET", picture(app))
        # Also behind words that take three lines of a narrow terminal.
        assert len(times) == 5
        for hour, minute, there, same in times:
            assert (int(there) - int(hour)) % 24 == 1
            assert minute == same
        await pilot.press("ctrl+u", *"UTC")
        await until(pilot, lambda: "CET" not in picture(app), "one time zone")


@pytest.mark.parametrize("key", ["p", "P", "R"])
async def test_a_question_on_a_tiny_terminal_shows_what_is_asked_and_both_answers(
    source: FakeSource, key: str
) -> None:
    async with opened(console_on(source), (40, 10)) as pilot:
        app = app_of(pilot)
        await pilot.press("asterisk", key)
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen | ReasonScreen), "the question")
        await pilot.pause()
        shown = picture(app)
        assert re.search(r"(Pause|Resume|Run) \d+ jobs?", shown)
        for words in ("enter pause", "esc cancel") if key == "p" else ("(n)", "(y)"):
            assert words in shown


async def test_what_cannot_be_read_stays_in_the_editor(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = app_of(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ScheduleScreen), "the editor")
        await pilot.press("tab", *"30 25 * * *", "enter")
        await until(
            pilot, lambda: "The hour '25' of the cron expression cannot be read." in picture(app), "it"
        )
        assert isinstance(app.screen, ScheduleScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        assert not any(each.job.cron for each in source.world.jobs)


async def test_a_setting_that_the_job_type_does_not_know_is_not_stored(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = app_of(pilot)
        before = [each.job.config_json for each in source.world.jobs]
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ScheduleScreen), "the editor")
        await pilot.press("shift+tab", "ctrl+u", *'{"timeout": 1}', "enter")
        await until(pilot, lambda: "has no setting 'timeout'." in picture(app), "the refusal")
        assert "Did you mean timeout_seconds?" in picture(app)
        assert isinstance(app.screen, ScheduleScreen)
        assert [each.job.config_json for each in source.world.jobs] == before
