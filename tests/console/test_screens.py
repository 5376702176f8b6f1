"""What the screens show and how the keys work, on a source in memory."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ConfirmScreen, ReasonScreen
from bawt_console.screens.help import HelpScreen
from bawt_console.screens.jobs import JobsScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.runs import RunsScreen
from bawt_console.source import Link
from bawt_console.widgets.lines import LinesPane
from scheduler_core.domain import NodeState, Outcome, RunMode, RunStatus, short_run_id
from scheduler_core.errors import DatabaseError, DatabaseUnreachableError
from tests.console.believable import NOW, World, a_run, believable_world, ids
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import (
    MEDIUM,
    NARROW,
    WIDE,
    jobs_of,
    opened,
    picture,
    run_of,
    runs_of,
    toasts,
    until,
)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(believable_world())


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_jobs_show_their_state_in_words_at_every_width(
    source: FakeSource, size: tuple[int, int]
) -> None:
    async with opened(console_on(source), size) as pilot:
        shown = picture(pilot.app)
        for words in ("! late", "● running 41 s", "✓ ok", "‖ paused", "profile_maintenance", "42 s late"):
            assert words in shown
        assert "● running on 2 nodes" in shown


async def test_the_first_paint_comes_before_the_source_is_opened(source: FakeSource) -> None:
    app = console_on(source)
    async with app.run_test(size=NARROW) as pilot:
        assert "Opening the database" in picture(app) or app.desk.source is not None
        await until(pilot, lambda: jobs_of(app).is_loaded, "the jobs")
    await app.aclose()


async def test_a_failed_start_shows_a_panel_and_can_be_tried_again(source: FakeSource) -> None:
    error = DatabaseUnreachableError("The database at x is not reachable.", "Start it.")
    app = console_on(source, failure=error)
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.desk.failure is not None, "the failure")
        await pilot.pause()
        shown = picture(app)
        assert error.title in shown
        assert error.hint in shown
        assert error.error_id in shown
        await pilot.press("R")
        await pilot.pause()
        assert toasts(app) == ["The database is not open yet."]
        await pilot.press("r")
        await until(pilot, lambda: jobs_of(app).is_loaded, "the jobs")
    await app.aclose()


async def test_a_bug_in_the_opener_is_shown_as_a_sentence_with_its_id(source: FakeSource) -> None:
    def broken() -> object:
        raise ZeroDivisionError

    app = ConsoleApp(broken, now=lambda: NOW, tick=None)  # type: ignore[arg-type]
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.desk.failure is not None, "the failure")
        assert app.desk.failure is not None
        assert app.desk.failure.error_id in picture(app)
    await app.aclose()


async def test_r_adds_a_run_and_says_how_many(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("R")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert toasts(app) == ["Added 1 run of memory_decay nova."]
        await until(pilot, lambda: "○ pending" in picture(app), "the pending run")
        await pilot.press("R")
        waits = "A run of this job already waits to start."
        await until(pilot, lambda: toasts(app) == [waits], "the reason, in place of the notice before")


@pytest.mark.parametrize("state", [NodeState.LOST, NodeState.STOPPED, NodeState.DRAINING])
@pytest.mark.parametrize("keys", [("R",), ("2", "down", "R")], ids=["jobs", "runs"])
async def test_r_says_when_no_scheduler_is_there_to_start_the_run(
    source: FakeSource, keys: tuple[str, ...], state: NodeState
) -> None:
    source.world.nodes = [replace(node, state=state) for node in source.world.nodes]
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for key in keys:
            await pilot.press(key)
            if key == "2":
                await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert toasts(app)[0].startswith("Added 1 run of ")
        assert toasts(app)[0].endswith(" No scheduler is running; the run waits until one starts.")


async def test_only_an_error_stays_beside_the_newest_notice(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("P", "P")
        await pilot.press("X")
        nothing = "No run of this job is waiting or running."
        await until(pilot, lambda: toasts(app) == [nothing], "the newest notice alone")
        error = DatabaseError("The disk is full.", "Free some space.")
        source.failure = error
        source.tell("jobs")
        await until(pilot, lambda: any(error.title in each for each in toasts(app)), "the error")
        await pilot.press("P")
        await until(pilot, lambda: toasts(app)[-1] == "The job is not paused.", "the notice")
        assert len(toasts(app)) == 2
        assert error.title in toasts(app)[0]
        source.failure = None


async def test_paused_jobs_stand_last(source: FakeSource) -> None:
    first = source.world.jobs[0].job
    await source.pause(first.id)
    async with opened(console_on(source)) as pilot:
        shown = jobs_of(pilot.app).table.rows  # type: ignore[arg-type]
        enabled = [each.job.enabled for each in shown]
        assert enabled == sorted(enabled, reverse=True)
        assert first.id in [each.job.id for each in shown[enabled.index(False) :]]


async def test_p_asks_for_a_reason_and_capital_p_takes_it_back(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ReasonScreen), "the question")
        assert "memory_decay nova" in picture(app)
        await pilot.press(*"check", "enter")
        await until(pilot, lambda: "by ada" in picture(app), "the pause")
        assert jobs_of(app).selected is not None
        assert [each.job.paused_reason for each in source.world.jobs if each.job.paused_by == "ada"] == [
            "check"
        ]
        assert toasts(app) == ["Paused 1 job: memory_decay nova."]
        await pilot.press("P")
        await until(pilot, lambda: toasts(app) == ["Resumed 1 job: memory_decay nova."], "a toast")


async def test_leaving_the_question_pauses_nothing(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReasonScreen), "the question")
        await pilot.press(*"no", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen), "the jobs")
        assert not any(each.job.paused_by == "ada" for each in source.world.jobs)


async def test_cancelling_names_the_run_and_does_nothing_by_default(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("down", "X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        assert "profile_maintenance *" in picture(app)
        assert "Keep it running" in picture(app)
        assert "Stop the run" in picture(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        assert not any(run.cancel_requested_at for run in source.world.runs)
        await pilot.press("X", "y")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert toasts(app) == ["Asked 1 run of profile_maintenance * to stop."]
        assert any(run.cancel_requested_at for run in source.world.runs)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (("X",), "No run of this job is waiting or running."),
        (("P",), "The job is not paused."),
        (("end", "p"), "The job is paused already."),
        (("left",), "This is the first pane."),
        (("escape",), "There is nothing to go back to."),
        (("2", "X"), "The run was asked to stop already."),
    ],
)
async def test_a_greyed_key_says_why(source: FakeSource, keys: tuple[str, ...], reason: str) -> None:
    running = next(run for run in source.world.runs if run.status is RunStatus.RUNNING)
    asked = replace(running, cancel_requested_at=NOW)
    source.world.runs[source.world.runs.index(running)] = asked
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for key in keys:
            await pilot.press(key)
            if key == "2":
                await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
            await pilot.pause()
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert toasts(app) == [reason]


async def test_read_only_consoles_grey_every_change(source: FakeSource) -> None:
    source.read_only = True
    async with opened(console_on(source)) as pilot:
        for action in ("run_now", "pause", "resume", "cancel"):
            assert jobs_of(pilot.app).check_action(action, ()) is None  # type: ignore[arg-type]
        assert jobs_of(pilot.app).check_action("open", ()) is True  # type: ignore[arg-type]


async def test_the_panes_show_runs_log_chart_and_settings_of_the_selected_job(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        await pilot.press("down")
        await until(pilot, lambda: "7 of 12 entities" in picture(app), "the runs")
        await pilot.press("right")
        await until(pilot, lambda: "set aside as instructions" in picture(app), "the log")
        await pilot.press("right")
        await until(pilot, lambda: "44 latest runs" in picture(app), "the chart")
        await pilot.press("right")
        await until(pilot, lambda: "slots so far" in picture(app), "the settings")
        await pilot.press("end")
        await until(pilot, lambda: "check the last failure first" in picture(app), "the pause's reason")
        assert '"protect_tags"' in picture(app)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("30 3 * * 1-5", ("30 3 * * 1-5", "at 03:30 on Monday through Friday, Europe/Berlin", "time zone")),
        ("99 * * * *", ("99 * * * *", "99")),
    ],
)
async def test_the_settings_of_a_cron_job_show_its_expression_words_and_zone(
    source: FakeSource, cron: str, words: tuple[str, ...]
) -> None:
    first = source.world.jobs[0]
    job = replace(first.job, cron=cron, time_zone="Europe/Berlin", interval_minutes=1440)
    source.world.jobs[0] = replace(first, job=job)
    async with opened(console_on(source), WIDE) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        jobs_of(app).table.find(job.id)
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: "slots so far" in picture(app), "the settings")
        shown = picture(app).partition("Config")[2]
        for each in words:
            assert each in shown
        assert "every  " not in shown
        assert "1 d" not in shown.partition("next run")[0].rpartition("cron")[2]


async def test_only_what_changed_is_fetched_again(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        await until(pilot, lambda: "runs" in source.asked, "the runs")
        source.asked.clear()
        source.tell("profiles")
        source.tell("events")
        await pilot.pause(0.05)
        assert source.asked == []
        source.tell("runs")
        await until(pilot, lambda: source.asked == ["jobs", "runs"], "one look at jobs and runs")


async def test_hidden_screens_ask_for_nothing_until_they_are_shown(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        source.asked.clear()
        source.tell("runs", "jobs")
        await until(pilot, lambda: bool(source.asked), "the runs")
        await pilot.pause()
        assert source.asked == ["runs"]
        await pilot.press("1")
        await until(pilot, lambda: "jobs" in source.asked, "the jobs")


async def test_a_frozen_screen_stands_still_and_catches_up(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        await pilot.press("f")
        await until(pilot, lambda: "frozen" in picture(app), "the word frozen")
        job = source.world.jobs[0].job
        await source.pause(job.id)
        await pilot.pause(0.05)
        assert "by ada " not in picture(app)
        await pilot.press("f")
        await until(pilot, lambda: "by ada " in picture(app), "the change")


async def test_a_failing_query_is_a_toast_with_its_id_and_is_tried_again(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        error = DatabaseError("The disk is full.", "Free some space.")
        source.failure = error
        source.tell("jobs")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert error.title in toasts(app)[0]
        assert error.error_id in toasts(app)[0]
        assert "profile_maintenance" in picture(app), "the last rows stay"
        source.failure = None
        source.asked.clear()
        await until(pilot, lambda: "jobs" in source.asked, "another try")


async def test_a_bug_in_loading_does_not_end_the_console(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        source.failure = ZeroDivisionError("boom")
        source.tell("jobs")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert "boom" not in toasts(app)[0]
        assert app.is_running


async def test_a_lost_connection_is_told_in_the_header_and_greys_changes(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        source.standing = Link(connected=False, age=14.2, retry_in=2.4)
        app._tick()
        await pilot.pause()
        assert "stale 14 s, retry in 3 s" in picture(app)
        assert "profile_maintenance" in picture(app)
        await pilot.press("R")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        assert toasts(app) == ["There is no connection to the database right now."]


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((), "✗ none running"),
        ((NodeState.ACTIVE,), "● running on 1 node"),
        ((NodeState.ACTIVE, NodeState.LOST), "● running on 1 node, ! 1 node lost"),
        ((NodeState.DRAINING,), "○ 1 node stopping"),
        ((NodeState.STOPPED,), "✗ none running"),
        ((NodeState.STOPPED,), "start bawt-console --no-ui"),
        ((NodeState.LOST,), "✗ none running, ! 1 node lost"),
    ],
)
async def test_the_header_tells_who_schedules(
    source: FakeSource, states: tuple[NodeState, ...], words: str
) -> None:
    node = source.world.nodes[0]
    source.world.nodes = [replace(node, id=next(ids(n)), state=state) for n, state in enumerate(states)]
    async with opened(console_on(source)) as pilot:
        await until(pilot, lambda: words in picture(pilot.app), words)


async def test_without_a_model_the_header_says_what_still_works(source: FakeSource) -> None:
    source.world.nodes = [replace(node, model=None) for node in source.world.nodes]
    async with opened(console_on(source)) as pilot:
        await until(pilot, lambda: "no model: template only" in picture(pilot.app), "the words")
        assert "summaries come from a template" in picture(pilot.app)
        assert "7 shows models and fetches one" in picture(pilot.app)
        await pilot.press("7")
        await until(pilot, lambda: "Taken for" in picture(pilot.app), "the models")


async def test_an_empty_database_teaches(source: FakeSource) -> None:
    async with opened(console_on(FakeSource(World()))) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: "There are no jobs yet." in picture(app), "the empty state")
        await pilot.press("2")
        await until(pilot, lambda: "bawt-console profiles import FILE.jsonl" in picture(app), "the command")


async def test_a_filter_narrows_jobs_and_escape_brings_all_back(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("slash", *"bot:nova", "enter")
        await until(pilot, lambda: len(jobs_of(app).table.rows) == 3, "three jobs")
        assert "3 of 8 jobs" in picture(app)
        await pilot.press("escape")
        await until(pilot, lambda: len(jobs_of(app).table.rows) == 8, "all jobs")


async def test_a_filter_that_cannot_be_read_says_so_and_changes_nothing(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("slash", *"dur>soon", "enter")
        await until(pilot, lambda: "“soon” is not a length of time." in picture(app), "the sentence")
        assert len(jobs_of(app).table.rows) == 8


@pytest.mark.parametrize(
    ("typed", "told", "rows"),
    [("foo:bar", "The list is not filtered.", 8), ("bot:nova foo:bar", "Shown is what bot:nova finds.", 3)],
)
async def test_a_mistake_in_a_filter_leaves_no_half_word_behind(
    source: FakeSource, typed: str, told: str, rows: int
) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("slash", *typed)
        await until(pilot, lambda: told in " ".join(picture(app).split()), "the sentence")
        await until(pilot, lambda: len(jobs_of(app).table.rows) == rows, "the rows of the whole words")
        shown = " ".join(picture(app).split())
        assert "There is no field “foo”." in shown
        assert '"free text"' in shown, "the explanation is whole at 80 columns"
        await pilot.press(*["backspace"] * len("foo:bar"))
        await until(pilot, lambda: "There is no field" not in picture(app), "the line without the mistake")


@pytest.mark.parametrize("mode", ["1", "2"])
async def test_enter_in_a_filter_without_hits_only_leaves_the_line(source: FakeSource, mode: str) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press(mode)
        await until(pilot, lambda: mode == "1" or runs_of(app).is_loaded, "the rows")
        await pilot.press("slash", *"nowhere")
        await until(pilot, lambda: "matches the filter." in picture(app), "the empty list")
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is None, "the line without the focus")
        assert toasts(app) == []
        await pilot.press("escape")
        screen = jobs_of(app) if mode == "1" else runs_of(app)
        await until(pilot, lambda: len(screen.table.rows) > 1, "all rows")
        await until(pilot, lambda: screen.table.has_focus, "the list with the focus")


async def test_the_chart_says_that_skipped_runs_have_no_duration(source: FakeSource) -> None:
    first = source.world.jobs[0]
    outcomes = (Outcome(RunStatus.SKIPPED),) * 3
    source.world.jobs[0] = replace(first, strip=outcomes)
    source.world.runs = [run for run in source.world.runs if run.job_id != first.job.id]
    async with opened(console_on(source), NARROW) as pilot:
        await pilot.press("right", "right")
        words = "All runs so far were skipped, and a skipped run has no duration."
        await until(pilot, lambda: words in picture(pilot.app), "the sentence")


async def test_typing_the_name_of_a_field_is_no_search_for_its_letters(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("slash", *"stat")
        await pilot.pause()
        assert len(jobs_of(app).table.rows) == 8


async def test_a_history_left_open_grows_no_longer_than_the_longest_list(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bawt_console.screens.runs.LONGEST_LIST", 400)
    job, fresh = source.world.jobs[0].job, ids(99)

    def come(number: int, minutes: int) -> None:
        at = NOW - timedelta(minutes=minutes)
        source.world.runs += [a_run(next(fresh), job, started_at=at) for _ in range(number)]
        source.tell("runs")

    source.world.runs = []
    come(350, 1_000)
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        for minutes in (900, 800, 700):
            newest = NOW - timedelta(minutes=minutes)
            come(90, minutes)
            await until(pilot, lambda: runs_of(app).table.rows[0].started_at == newest, "new ones")  # noqa: B023 - awaited within its turn
        assert len(runs_of(app).table.rows) == 400
        assert not runs_of(app).shows_all
        assert runs_of(app).selected in runs_of(app).table.rows


async def test_all_history_is_paged_and_filtered(source: FakeSource) -> None:
    job = source.world.jobs[0].job
    fresh = ids(99)
    source.world.runs = [
        a_run(
            next(fresh),
            job,
            started_at=NOW - timedelta(minutes=number),
            status=RunStatus.FAILED if number % 50 == 0 else RunStatus.SUCCESS,
        )
        for number in range(1_000)
    ]
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        assert len(runs_of(app).table.rows) == 300
        await pilot.press("end")
        await until(pilot, lambda: len(runs_of(app).table.rows) > 300, "the second page")
        for _ in range(5):
            await pilot.press("end")
            await pilot.pause()
        await until(pilot, lambda: len(runs_of(app).table.rows) == 1_000, "all pages")
        assert "1,000 runs" in picture(app)
        await pilot.press("slash", *"state:failed dur>1s", "enter")
        await until(pilot, lambda: len(runs_of(app).table.rows) == 20, "the failed runs")
        await pilot.press("escape", "home")
        await until(pilot, lambda: len(runs_of(app).table.rows) >= 300, "the first page")


@pytest.mark.parametrize("size", [NARROW, MEDIUM, WIDE])
async def test_a_run_of_another_kind_says_so_in_words_wherever_it_is_shown(
    source: FakeSource, size: tuple[int, int]
) -> None:
    kinds = {RunMode.DRY_RUN: "dry run", RunMode.APPLY: "apply", RunMode.UNDO: "undo"}
    done = [number for number, run in enumerate(source.world.runs) if run.status is RunStatus.SUCCESS]
    origin = source.world.runs[done[3]].id
    for place, mode in zip(done, kinds, strict=False):
        came_of = None if mode is RunMode.DRY_RUN else origin
        source.world.runs[place] = replace(source.world.runs[place], mode=mode, source_run_id=came_of)
    app = console_on(source)
    async with opened(app, size) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        await pilot.pause()
        for words in kinds.values():
            assert f" {words}" in picture(app)
        runs_of(app).table.find(source.world.runs[done[1]].id)
        await pilot.press("enter")
        await until(pilot, lambda: "kind" in picture(app), "the summary")
        assert f"apply of run {short_run_id(origin)}" in picture(app)
        assert "  apply  " in picture(app).partition("kind")[0]


async def test_a_run_opens_and_its_panes_follow_the_arrow_keys(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        expected = (
            "trigger",
            '"sentences"',
            "This run has no error.",
            "no log line",
            "is over",
            "Ada lives",
            "✓ ok",
        )
        for number, words in enumerate(expected):
            if number:
                await pilot.press("right")
            await until(pilot, lambda words=words: words in picture(app), words)  # type: ignore[misc]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen), "the list")


async def test_2_goes_to_the_list_of_runs_from_wherever_one_is(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen), "the jobs")
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen), "the list")


async def test_the_diff_shows_sentences_with_signs_and_attributes(source: FakeSource) -> None:
    run_id = next(iter(source.world.changes))
    source.world.runs.sort(key=lambda run: run.id != run_id)
    source.world.runs[0] = replace(source.world.runs[0], started_at=NOW)
    async with opened(console_on(source), WIDE) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and runs_of(app).is_loaded, "the runs")
        runs_of(app).table.find(run_id)
        await pilot.press("d")
        await until(pilot, lambda: "sources of user/ada" in picture(app), "the diff")
        shown = [" ".join(line.split()) for line in picture(app).splitlines()]
        assert "− Ada lives in Leipzig. [3]" in shown
        assert "+ Ada lives in Dresden. [51]" in shown
        assert "She works nights as a head nurse. [12][31]" in shown
        assert "She is allergic to penicillin. was [7] now [7][52]" in shown
        assert "changed 1 object +2 −1 lines" in shown
        assert any(line.startswith("[51] fact.location = moved to Dresden") for line in shown)


async def test_the_log_of_a_running_run_follows(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: "bot/nova: 18 attributes" in picture(app), "the log")
        run = run_of(app).run
        last = source.world.events[run.id][-1]
        source.world.events[run.id].append(replace(last, id=last.id + 1, message="one line more"))
        source.tell("events")
        await until(pilot, lambda: "one line more" in picture(app), "the new line")
        assert isinstance(app.focused, LinesPane)


async def test_keys_typed_while_a_pager_waits_for_its_text_do_not_leave_the_console(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "cat")
    read, page = asyncio.Event(), source.logs.page

    async def slowly(*given: Any, **named: Any) -> Any:
        await read.wait()
        return await page(*given, **named)

    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("down", "right")
        await until(pilot, lambda: "following" in picture(app), "the log")
        monkeypatch.setattr(source.logs, "page", slowly)
        await pilot.press("o")
        await until(pilot, lambda: "Reading the text" in str(toasts(app)), "word of it")
        await pilot.press("2", "q")
        await pilot.pause()
        assert (app.return_code, app.current_mode) == (None, "jobs")
        read.set()
        # A screen without a terminal has none to lend.
        await until(pilot, lambda: "cannot be lent" in str(toasts(app)), "the pager's turn")
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == "runs", "keys that count again")


async def test_a_list_that_cannot_be_read_says_so_until_it_can(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        source.failure = DatabaseError("The database user may not read these tables.", "Ask for a role.")
        await pilot.press("2")
        await until(pilot, lambda: "✗ The database user may not read" in picture(app), "the reason")
        source.failure = None
        source.tell("runs")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        await until(pilot, lambda: "may not read" not in picture(app).partition("Ask")[0], "the list")
        assert app.focused is runs_of(app).table


async def test_help_shows_the_keys_and_escape_leaves_it(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen), "the help")
        assert "Stops the screen from changing" in picture(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen), "the jobs")


async def test_the_palette_offers_only_what_can_be_done(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        await pilot.press("ctrl+p")
        await pilot.press(*"run")
        await until(pilot, lambda: "Run now" in picture(app), "the palette")
        await pilot.press(*["backspace"] * 3, *"resume")
        await until(pilot, lambda: "No matches" in picture(app), "an answer")
        await pilot.press(*["backspace"] * 6, *"theme", "enter")
        await until(pilot, lambda: app.theme == "day", "the light theme")


async def test_q_leaves_with_exit_code_0(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        await pilot.press("q")
    assert pilot.app.return_code == 0
