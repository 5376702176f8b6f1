"""No text from data commands the terminal, is read as markup, or ends the program: payload × screen."""

import ast
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

import bawt_console
from bawt_console.app import ConsoleApp
from tests.console.fakes import FakeSource, console_on
from tests.console.hostile import MARK, PAYLOADS, hostile_world
from tests.console.pilots import MEDIUM, NARROW, opened, picture, toasts, until

# What a person presses, and what must be on the screen then.
WALK = (
    ("Jobs", ()),
    ("Log", ("right",)),
    ("Chart", ("right",)),
    ("Config", ("right",)),
    ("Config of the paused job", ("down",)),
    ("the question before a pause", ("home", "p")),
    ("Jobs again", ("escape",)),
    ("the question before a cancel", ("X",)),
    ("the run's summary", ("escape", "enter")),
    ("its result", ("right",)),
    ("its error", ("right",)),
    ("its log", ("right",)),
    ("its live text", ("right",)),
    ("its diff", ("right",)),
    ("its attempts", ("right",)),
    ("another attempt", ("end", "enter")),
    ("the result of the other attempt", ("right",)),
    ("the error of the other attempt", ("right",)),
    ("the Runs screen", ("escape", "2")),
    ("a filter", ("slash", "M", "A", "R", "K", "enter")),
    ("a toast", ("R",)),
    ("the help", ("question_mark",)),
    ("the palette", ("escape", "ctrl+p")),
    ("the charts", ("escape", "3")),
    ("the charts of a job", ("down",)),
    ("the charts of the next job", ("down",)),
    ("the forecast", ("4",)),
    ("a lane", ("down",)),
)

PEOPLE_WALK = (
    ("Profiles", ("5",)),
    ("Profiles, filtered", ("slash", "M", "A", "R", "K", "enter")),
    ("a profile's summary", ("escape", "enter")),
    ("its versions", ("right",)),
    ("a version and the live one", ("down", "d")),
    ("both side by side", ("d",)),
    ("the question before a rollback", ("B",)),
    ("a toast after a rollback", ("y",)),
    ("its attributes", ("right",)),
    ("a toast about a pin", ("P",)),
    ("its drafts", ("right",)),
    ("Memories", ("6",)),
    ("a memory by itself", ("enter",)),
    ("Memories, merged", ("escape", "right")),
    ("the question before a merge is taken apart", ("B",)),
    ("Memories, archived", ("escape", "right")),
    ("the question before many come back", ("asterisk", "B")),
    ("the toast after that", ("y",)),
)
MACHINE_WALK = (
    ("the Models screen", ("7",)),
    ("the catalogue", ("C",)),
    ("the question before a download", ("down", "enter")),
    ("an answer", ("escape", "escape", "t", "h", "i", "enter")),
    ("the Nodes screen", ("escape", "escape", "8")),
    ("one node", ("right",)),
    ("the database", ("right",)),
    ("the Audit screen", ("9",)),
    ("the question before taking back", ("u",)),
    ("what was done", ("escape", "tab", "end")),
    ("the brief", ("b",)),
)
WALKS = {"work": (WALK, 12), "people": (PEOPLE_WALK, 14), "machine": (MACHINE_WALK, 9)}


CASES = (*((name, NARROW) for name in PAYLOADS), ("closing markup", MEDIUM))


def _matrix() -> Iterator[ParameterSet]:
    """Every text on every screen; all but a third of it only where slow tests run, which still has every text
    and every screen in it."""
    for number, (name, size) in enumerate(CASES):
        for turn, walk in enumerate(WALKS):
            marks = () if number % len(WALKS) == turn else pytest.mark.slow
            yield pytest.param(name, size, walk, marks=marks)


@pytest.mark.parametrize(("name", "size", "walk"), _matrix())
async def test_hostile_text_is_shown_as_text_on_every_screen(
    name: str, size: tuple[int, int], walk: str
) -> None:
    places, least = WALKS[walk]
    source = FakeSource(hostile_world(PAYLOADS[name]), label=PAYLOADS[name])
    seen = 0
    async with opened(console_on(source), size) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for place, keys in places:
            for key in keys:
                await pilot.press(key)
            await pilot.pause()
            await pilot.pause(0.01)
            shown = picture(app)
            assert app.is_running, f"{place} ended the console"
            _assert_harmless(shown, place)
            seen += MARK in shown
    if PAYLOADS[name]:
        assert seen >= least, f"{name} was shown on {seen} screens only"


async def test_brackets_in_data_stay_on_the_screen() -> None:
    source = FakeSource(hostile_world(PAYLOADS["a type in brackets"]))
    async with opened(console_on(source)) as pilot:
        assert f"{MARK}[int]" in picture(pilot.app)


async def test_a_toast_shows_the_text_of_an_error_as_it_is() -> None:
    source = FakeSource(hostile_world("[red]job[/red]"))
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("R")
        await until(pilot, lambda: bool(toasts(app)), "a toast")
        await until(pilot, lambda: "Added 1 run of [red]job[/red]" in picture(app), "the toast's text")


def _assert_harmless(shown: str, place: str) -> None:
    for character in shown:
        bad = character != "\n" and unicodedata.category(character) in ("Cc", "Cs")
        assert not bad, f"{place} shows {character!r}"
        assert unicodedata.bidirectional(character) not in ("RLO", "LRO", "RLI", "LRI"), place


# A str becomes markup in these; Content and Text do not.
READS_MARKUP = {"Static", "Label", "notify"}
MUST_BE_CONTENT = {"Button", "Tab", "TabPane", "Option", "Tree"}


def _calls() -> list[tuple[Path, ast.Call, str]]:
    found = []
    for path in Path(bawt_console.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                found.append((path, node, name))
    return found


def test_every_widget_that_reads_markup_is_told_not_to() -> None:
    looked_at = 0
    for path, call, name in _calls():
        is_base_of_static = name == "__init__" and path.name == "notice.py"
        if name in READS_MARKUP or is_base_of_static:
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert keywords.get("markup") == "False", f"{path.name}:{call.lineno} {name}"
            looked_at += 1
        if name in MUST_BE_CONTENT and call.args:
            assert ast.unparse(call.args[0]).startswith("Content("), f"{path.name}:{call.lineno} {name}"
            looked_at += 1
    assert looked_at >= 5


def test_nobody_uses_titles_that_read_markup() -> None:
    for path in Path(bawt_console.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("border_title", "border_subtitle", "from_markup"), path
