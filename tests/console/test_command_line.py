"""The line behind `:`, and what its words do."""

import csv
import json
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from bawt_console.actions import ACTIONS, Place, actions_at
from bawt_console.app import ConsoleApp
from bawt_console.command_words import EXAMPLES, MEANINGS, CommandError, Verb, completions, parse_command
from bawt_console.export import export_rows
from bawt_console.screens.dialogs import ReasonScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.runs import RunsScreen
from bawt_console.screens.schedule import ScheduleScreen
from bawt_console.views import View, Views
from scheduler_core.errors import ConfigError
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, jobs_of, opened, picture, runs_of, toasts, until


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(believable_world())


async def say(pilot: "Pilot[int]", command: str) -> ConsoleApp:
    """Types a command and gives it."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await pilot.press("colon")
    for word in command:
        await pilot.press("space" if word == " " else word)
    await pilot.press("enter")
    await pilot.pause()
    return app


@pytest.mark.parametrize("each", ACTIONS, ids=lambda each: each.id)
def test_every_action_can_be_named_by_its_word_and_by_its_id(each: object) -> None:
    place = next(place for place in Place if any(a is each for a in actions_at(place)))
    actions = list(actions_at(place))
    for each_action in actions:
        if each_action is each and each_action.command not in set(Verb):
            assert parse_command(each_action.command, actions).action_id == each_action.id
            assert parse_command(each_action.id, actions).action_id == each_action.id


def test_every_verb_has_an_example_and_a_meaning() -> None:
    assert set(EXAMPLES) == set(MEANINGS) == set(Verb)
    for verb, example in EXAMPLES.items():
        assert parse_command(example, actions_at(Place.JOBS)).verb is verb


def test_words_of_two_actions_of_one_place_differ() -> None:
    for place in Place:
        commands = [each.command for each in actions_at(place)]
        assert len(set(commands)) == len(commands)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("jbos", "Did you mean jobs?"),
        ("", "There is no command"),
        ("export", "wants something behind it"),
        ("quit now", "takes nothing behind it"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_is_near(typed: str, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(typed, actions_at(Place.JOBS))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("place", "typed", "words"),
    [
        (Place.JOBS, "undo", "undo works on Runs, Audit, Run and Brief."),
        (Place.CHARTS, "undo", "undo works on Runs, Audit, Run and Brief."),
        (Place.MODELS, "roll_back", "roll-back works on Profile."),
        (Place.CHARTS, "pause", "pause works on Jobs. Here it wants something behind it: pause JOB"),
    ],
)
def test_a_command_of_other_screens_says_where_it_works(place: Place, typed: str, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(typed, actions_at(place))
    assert str(caught.value) == words


@given(st.text(max_size=60))
def test_any_text_is_a_command_or_a_sentence(typed: str) -> None:
    try:
        parse_command(typed, actions_at(Place.JOBS))
    except CommandError as error:
        said = str(error)
    else:
        said = "a command"
    assert said


def test_what_is_completed_can_be_given() -> None:
    actions = list(actions_at(Place.JOBS))
    for each in completions(actions, jobs=["memory_decay:nova"], bots=["nova"], views=["night"]):
        if not each.endswith((" ", ":")):
            parse_command(each, actions)


@pytest.mark.parametrize(
    ("command", "holds"),
    [
        ("runs", lambda app: isinstance(app.screen, RunsScreen)),
        ("run memory_decay:atlas", lambda app: toasts(app) == ["Added 1 run of memory_decay atlas."]),
        ("pause memory_decay:atlas check it", lambda app: isinstance(app.screen, ReasonScreen)),
        ("resume memory_decay:mira", lambda app: toasts(app) == ["Resumed 1 job: memory_decay mira."]),
        ("edit memory_decay:nova", lambda app: isinstance(app.screen, ScheduleScreen)),
        ("dry-run memory_decay:atlas", lambda app: isinstance(app.screen, RunScreen)),
        ("filter bot:nova", lambda app: {e.job.bot_id for e in jobs_of(app).table.rows} == {"nova"}),
        ("filter bot>nova", lambda app: "does not go together" in str(toasts(app))),
        ("sort slow", lambda app: "slowest first" in picture(app)),
        ("sort upwards", lambda app: "There is no order" in str(toasts(app))),
        ("run nobody", lambda app: "There is no job “nobody”." in str(toasts(app))),
        ("run memory_decay", lambda app: "means 3 jobs" in str(toasts(app))),
        ("open run:zzzz", lambda app: "There is no run" in str(toasts(app))),
        ("open profile", lambda app: "cannot be opened" in str(toasts(app))),
        ("fluff", lambda app: "There is no command" in str(toasts(app))),
        ("pane-left", lambda app: toasts(app) == ["This is the first pane."]),
        ("help", lambda app: "Commands" in picture(app) or "Go" in picture(app)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_command_does_what_it_says(
    source: FakeSource, command: str, holds: Callable[[ConsoleApp], bool]
) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = await say(pilot, command)
        await until(pilot, lambda: holds(app), command)


@pytest.mark.parametrize("typed", ["sort foo", "chart nosuch", "resume memory_decay"])
async def test_what_was_mistyped_carries_no_error_id_and_is_in_no_log(
    source: FakeSource, caplog: pytest.LogCaptureFixture, typed: str
) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("colon", *typed, "enter")
        await until(pilot, lambda: bool(toasts(app)), "the refusal")
        assert "(error" not in toasts(app)[-1]
    assert not caplog.records


async def test_tab_completes_with_names_from_the_data_and_up_brings_back(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        await pilot.press("colon", *"run memory_c")
        await until(pilot, lambda: "run memory_consolidation:atlas" in picture(pilot.app), "the suggestion")
        await pilot.press("tab", "enter")
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: toasts(app) == ["Added 1 run of memory_consolidation atlas."], "the run")
        await pilot.press("colon", "up")
        await until(pilot, lambda: ":run memory_consolidation:atlas" in picture(app).replace(": ", ":"), "it")
        await pilot.press("escape")
        await pilot.pause()
        assert jobs_of(app).focused is jobs_of(app).table


async def test_a_read_only_console_says_so_on_a_narrow_terminal_too(source: FakeSource) -> None:
    source.read_only = True
    async with opened(console_on(source), NARROW) as pilot:
        app = pilot.app
        await until(pilot, lambda: "read-only" in picture(app).splitlines()[0], "the word")
        assert "running on" in picture(app).splitlines()[0]


async def test_a_read_only_console_changes_nothing_by_command(source: FakeSource) -> None:
    source.read_only = True
    async with opened(console_on(source), MEDIUM) as pilot:
        app = await say(pilot, "run memory_decay:atlas")
        await until(pilot, lambda: toasts(app) == ["This console is read-only."], "the refusal")


@pytest.mark.parametrize("kind", ["run", "job"])
async def test_the_console_opens_at_an_object(source: FakeSource, kind: str) -> None:
    run = next(run for run in source.world.runs if run.bot_id == "atlas")
    target = f"run:{str(run.id)[:8]}" if kind == "run" else "job:memory_decay:atlas"
    async with opened(console_on(source, open_at=target), MEDIUM) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        if kind == "run":
            await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
            assert isinstance(app.screen, RunScreen)
            assert app.screen.run_id == run.id
        else:
            await until(
                pilot,
                lambda: (
                    (chosen := jobs_of(app).selected) is not None
                    and (chosen.job.job_type, chosen.job.bot_id) == ("memory_decay", "atlas")
                ),
                "the job",
            )


async def test_runs_of_one_moment_are_told_apart_by_what_is_said_of_them(source: FakeSource) -> None:
    one, other = source.world.runs[:2]
    source.world.runs[:2] = [
        replace(one, id=UUID("01a222d6-25d4-952f-8410-2a0a74998841")),
        replace(other, id=UUID("01a222d6-25d4-9a00-8410-2a0a74998841")),
    ]
    async with opened(console_on(source), MEDIUM) as pilot:
        app = await say(pilot, "open run:01a222d6")
        await until(pilot, lambda: bool(toasts(app)), "the sentence")
        assert f"{one.job_type}:{one.bot_id} is 01a222d6-25d4-95" in toasts(app)[-1]
        await say(pilot, "open run:01a222d6-25d4-95")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")


async def test_what_is_shown_is_exported_and_an_existing_file_stays(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(console_on(source), MEDIUM) as pilot:
        await say(pilot, "filter bot:nova")
        app = await say(pilot, "export jobs.csv")
        await until(pilot, lambda: (tmp_path / "jobs.csv").exists(), "the file")
        await until(pilot, lambda: bool(toasts(app)), "the notice")
        rows = list(csv.DictReader((tmp_path / "jobs.csv").open(encoding="utf-8")))
        assert {row["bot_id"] for row in rows} == {"nova"}
        assert len(rows) == len(jobs_of(app).table.rows)
        await say(pilot, "export jobs.csv")
        await until(pilot, lambda: "is there already" in str(toasts(app)), "the refusal")
        await pilot.press("2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        await say(pilot, "export runs.jsonl")
        await until(pilot, lambda: (tmp_path / "runs.jsonl").exists(), "the file")
        await until(pilot, lambda: "Wrote" in str(toasts(app)), "the notice")
        lines = (tmp_path / "runs.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["id"] for line in lines] == [str(run.id) for run in runs_of(app).table.rows]
        assert not runs_of(app).shows_all
        assert "There are more, which the list has not read yet." in str(toasts(app))
        await say(pilot, "filter nobody-of-this-name")
        await until(pilot, lambda: not runs_of(app).table.rows, "no rows")
        await say(pilot, "export nothing.csv")
        await until(pilot, lambda: "There are no rows to export." in str(toasts(app)), "the sentence")
        assert not (tmp_path / "nothing.csv").exists()


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_an_export_that_finds_no_room_leaves_no_half_of_a_file(name: str, tmp_path: Path) -> None:
    rows = [{"id": number, "words": "x" * 100} for number in range(1_000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(ConfigError, match="cannot be written: File too large"):
            export_rows(rows, str(tmp_path / name))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    path = export_rows(rows, str(tmp_path / name))
    assert path.stat().st_mode & 0o077 == 0, "what is about people is for its owner alone"


@pytest.mark.parametrize(
    "name", ["~nobody-here/x.csv", "/nowhere/x.csv", "x.txt", f"{'x' * 300}.csv", "a\0.csv"]
)
def test_what_cannot_be_a_file_of_rows_is_a_sentence(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        export_rows([{"a": 1}], name)
    assert refused.value.hint


async def test_a_view_brings_back_screen_filter_and_order(source: FakeSource, tmp_path: Path) -> None:
    views = Views(tmp_path / "deep" / "views.json")
    async with opened(console_on(source, views=views), MEDIUM) as pilot:
        await say(pilot, "sort slow")
        await say(pilot, "filter bot:nova")
        app = await say(pilot, "save night")
        await until(pilot, lambda: toasts(app) == ["Saved the view night."], "the notice")
        await pilot.press("escape", "escape", "2")
        await until(pilot, lambda: runs_of(app).is_loaded, "the runs")
        await say(pilot, "view night")
        await until(pilot, lambda: app.current_mode == "jobs", "the jobs")
        await until(pilot, lambda: {e.job.bot_id for e in jobs_of(app).table.rows} == {"nova"}, "nova alone")
        assert "slowest first" in picture(app)
        await say(pilot, "forget night")
        await until(pilot, lambda: views.names() == [], "no view")
        await say(pilot, "view night")
        await until(pilot, lambda: "There is no view 'night'." in str(toasts(app)), "the sentence")
        # What somebody typed wrong is in no log, so there is no id to find it by.
        assert "(error" not in str(toasts(app))


async def test_a_view_saved_over_an_older_one_says_what_that_was(source: FakeSource, tmp_path: Path) -> None:
    views = Views(tmp_path / "views.json")
    async with opened(console_on(source, views=views), MEDIUM) as pilot:
        await say(pilot, "sort slow")
        await say(pilot, "filter bot:nova")
        app = await say(pilot, "save night")
        await until(pilot, lambda: toasts(app) == ["Saved the view night."], "the notice")
        # The same again takes nothing away.
        await say(pilot, "save night")
        await pilot.pause()
        await say(pilot, "filter state:failed")
        await say(pilot, "save night")
        replaced = "Saved the view night. It replaces the older night: jobs, filter bot:nova, sort slow."
        await until(pilot, lambda: replaced in toasts(app), "what it replaced")
        assert sum("replaces" in each for each in toasts(app)) == 1
        assert views.names() == ["night"]
        assert views.find("night").filter == "state:failed"


async def test_view_alone_says_which_there_are_and_a_page_on_top_of_a_screen_is_none(
    source: FakeSource, tmp_path: Path
) -> None:
    views = Views(tmp_path / "views.json")
    async with opened(console_on(source, views=views), MEDIUM) as pilot:
        app = await say(pilot, "view")
        await until(pilot, lambda: "There are no views" in str(toasts(app)), "the sentence")
        await say(pilot, "save ünï[b]x")
        await say(pilot, "save night")
        await until(pilot, lambda: views.names() == ["night", "ünï[b]x"], "both views")
        await say(pilot, "view")
        await until(pilot, lambda: toasts(app) == ["Views: night, ünï[b]x."], "their names")
        for key, what in (("enter", "Attempts"), ("b", "No earlier visit")):
            await pilot.press(key)
            await until(pilot, lambda: what in picture(app), "the page")  # noqa: B023 - used at once
            await say(pilot, "save page")
            await until(pilot, lambda: "keeps one of the screens" in str(toasts(app)), "the refusal")
            await pilot.press("escape")
        assert views.names() == ["night", "ünï[b]x"]


@pytest.mark.parametrize("name", ["two words", "x" * 41, "a\u202eb", "a\u200bb", "\x9b1m", "tab\tbed"])
def test_names_of_views_hold_nothing_unseen(name: str, tmp_path: Path) -> None:
    views = Views(tmp_path / "views.json")
    with pytest.raises(ConfigError):
        views.save(name, View("jobs"))
    assert views.names() == []


def test_a_file_of_views_that_is_none_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "views.json"
    file.write_text("[1, 2", encoding="utf-8")
    with pytest.raises(ConfigError):
        Views(file).save("night", View("jobs"))
    assert file.read_text(encoding="utf-8") == "[1, 2"
    assert Views(file).names() == []


def test_what_a_spreadsheet_would_run_is_text(tmp_path: Path) -> None:
    path = export_rows([{"a": "=1+1", "b": None, "c": 1.5, "d": ["x"]}], str(tmp_path / "x.csv"))
    assert path.read_text(encoding="utf-8").splitlines() == ["a,b,c,d", '\'=1+1,,1.5,"[""x""]"']
