"""Other keys for actions, and the page of keys."""

from pathlib import Path
from string import punctuation

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.keys import _character_to_key

from bawt_console.app import ConsoleApp
from bawt_console.key_names import key_of, written
from bawt_console.key_table import key_table
from bawt_console.keymap import parse_keymap, read_keymap
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import WIDE, opened, picture, toasts, until

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_page_of_keys_is_what_the_registry_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == key_table(), "python -m bawt_console.key_table > docs/keys.md"


def test_keys_are_written_as_people_do() -> None:
    read = parse_keymap('[keys]\nrun_now = "ctrl+r"\nfilter = ["/", "f3"]\nmark_all = "+"\n')
    assert read.complaints == ()
    assert read.keys == {"run_now": ("ctrl+r",), "filter": ("slash", "f3"), "mark_all": ("plus",)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[keys\n", "not valid TOML (at line 1"),
        ("keys = 5", "[keys] has to be a table"),
        ('[keys]\nrunnow = "R"', "did you mean run_now?"),
        ('[keys]\n"\\u001b[2J" = "R"', "there is no action"),
        ("[keys]\npause = 5", "pause wants a key"),
        ("[keys]\npause = []", "pause wants a key"),
        ('[keys]\npause = "ctrl+"', "is no key"),
        ('[keys]\npause = "R"', "pause and run_now cannot share R."),
        ('[keys]\npause = "f2"\nresume = "f2"', "resume and pause cannot share f2."),
        ('[keys]\npause = "hyper"', "'hyper' is no key"),
        ('[keys]\npause = "ctrl+shift+hyper"', "is no key"),
        ('[keys]\npause = "f25"', "is no key"),
        ('[keys]\npause = "j"', "pause cannot have j, which moves about."),
        ('[keys]\nquit = "Q"\npause = "ctrl+q"', "pause cannot have ^q, which always leaves"),
    ],
)
def test_a_bad_entry_is_named_in_one_sentence_and_the_others_hold(text: str, words: str) -> None:
    good = "" if "[keys]" not in text else '\nhelp = "f1"\n'
    read = parse_keymap(text + good)
    assert len(read.complaints) == 1
    assert words in read.complaints[0]
    assert "\x1b" not in read.complaints[0]
    assert ("help" in read.keys) is bool(good)


def test_two_actions_change_places() -> None:
    read = parse_keymap('[keys]\nedit = "d"\ndiff = "e"\n')
    assert read.complaints == ()
    assert read.keys == {"edit": ("d",), "diff": ("e",)}


def test_who_loses_a_key_gets_its_own_back_and_whoever_wants_that_loses_too() -> None:
    # Without a key of its own, pause keeps p, which edit wants.
    read = parse_keymap('[keys]\nedit = "p"\npause = "s"\nhelp = "f1"\n')
    assert read.keys == {"help": ("f1",)}
    assert read.complaints == (
        "keymap.toml: pause and sort cannot share s.",
        "keymap.toml: edit and pause cannot share p.",
    )


@pytest.mark.parametrize(
    ("typed", "key", "shown"),
    [
        ("ctrl+R", "ctrl+r", "^r"),
        ("shift+r", "R", "R"),
        ("shift+f3", "shift+f3", "shift+f3"),
        ("ctrl+/", "ctrl+slash", "^/"),
        (">", "greater_than_sign", ">"),
        (";", "semicolon", ";"),
        ("ö", "ö", "ö"),
        ("question_mark", "question_mark", "?"),
        (" ", "space", "space"),
    ],
)
def test_keys_come_out_as_a_terminal_sends_them_and_as_people_write_them(
    typed: str, key: str, shown: str
) -> None:
    assert key_of(typed) == key
    assert written(key) == shown


@pytest.mark.parametrize("sign", punctuation)
def test_every_sign_is_a_key_of_the_terminal_library(sign: str) -> None:
    assert key_of(sign) == _character_to_key(sign)
    assert written(_character_to_key(sign)) == sign


@given(st.text(max_size=200))
def test_no_file_stops_the_console(text: str) -> None:
    parse_keymap(text)
    parse_keymap(f"[keys]\n{text}")


def test_files_that_cannot_be_read_are_a_complaint_and_a_missing_one_is_not(tmp_path: Path) -> None:
    assert read_keymap(tmp_path / "none.toml").complaints == ()
    assert len(read_keymap(tmp_path).complaints) == 1
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert len(read_keymap(tmp_path / "binary.toml").complaints) == 1


async def test_another_key_acts_shows_and_greys_like_the_first_and_the_first_does_nothing() -> None:
    source = FakeSource(believable_world())
    keymap = parse_keymap('[keys]\nrun_now = "f6"\nshow_runs = "f2"\nnonsense = "x"')
    async with opened(console_on(source, keymap=keymap), WIDE) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        assert toasts(app) == ["keymap.toml: there is no action 'nonsense'."]
        assert "f6 run now" in picture(app)
        assert "f2 Runs" in picture(app)
        await pilot.press("R")
        await pilot.pause()
        assert not any(run.trigger == "manual" and run.started_at is None for run in source.world.runs)
        await pilot.press("f6")
        await until(pilot, lambda: toasts(app) == ["Added 1 run of memory_decay nova."], "the run")
        await pilot.press("f6")
        await until(pilot, lambda: "already waits" in toasts(app)[-1], "the reason")
        await pilot.press("question_mark")
        await until(pilot, lambda: "Adds a run of the job at once" in picture(app), "the help")
        assert "  f6  " in picture(app)


async def test_help_the_palette_and_hints_have_the_keys_of_this_person_and_they_lead_back() -> None:
    keymap = parse_keymap(
        '[keys]\nhelp = "h"\npalette = "f3"\nback = "backspace"\npause = ["p", "f2"]\ncommand = ";"'
    )
    async with opened(console_on(FakeSource(believable_world()), keymap=keymap), WIDE) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        assert toasts(app) == []
        await pilot.press("h")
        await until(pilot, lambda: "Stops new runs of the job" in picture(app), "the help")
        assert "  p f2  " in picture(app)
        await pilot.press("h")
        await until(pilot, lambda: "Stops new runs of the job" not in picture(app), "no help")
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert "Search for commands" not in picture(app)
        await pilot.press("f3")
        await until(pilot, lambda: "Search for commands" in picture(app), "the palette")
        await pilot.press(*"quit")
        await until(pilot, lambda: "Quit  (q)" in picture(app), "the action")
        await pilot.press("escape")
        await until(pilot, lambda: "Quit  (q)" not in picture(app), "no palette")
        await pilot.press("semicolon", *"filter nobody", "enter")
        await until(pilot, lambda: "backspace shows all of them" in picture(app), "the hint")
        await pilot.press("backspace")
        await until(pilot, lambda: "shows all of them" not in picture(app), "all jobs")
        await pilot.press("semicolon", *"wxyz", "enter")
        await until(pilot, lambda: "h lists what there is." in toasts(app)[-1], "the other hint")
