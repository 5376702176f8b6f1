"""Forgetting somebody from the command line: shown first, done only when confirmed, and proved."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.command_line.program import Program, line
from tests.postgres import reachable_directory

CANARY = "zyxcanary"


def told_of(program: Program) -> Program:
    """It knows two people."""
    told = line("user/Ada", value=f"{CANARY} street") + line("user/ben", key="hobby", value="rowing")
    assert program.run("profiles", "import", "-", stdin=told).code == 0
    return program


def populated(program: Program) -> Program:
    """And a run wrote about them."""
    assert told_of(program).run("--no-ui", "--once").code == 0
    return program


def answered(program: Program, answer: str, *arguments: str) -> tuple[int, str]:
    """The program at a terminal on which a person types one line."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as terminal:
        os.write(ours, answer.encode() + b"\n")
        done = subprocess.run(
            program.command(*arguments),
            stdin=theirs,
            capture_output=True,
            encoding="utf-8",
            env=program.environment,
            cwd=program.home,
            timeout=60,
            check=False,
        )
        os.close(theirs)
        del terminal
    return done.returncode, done.stdout + done.stderr


def test_without_a_yes_it_shows_what_would_go_and_nothing_goes(program: Program) -> None:
    populated(program)
    before = program.run("profiles", "export").out
    shown = program.run("profiles", "forget", "user/ada")
    assert shown.code == 0
    assert "Forgetting user/ada would remove:\n        1  attribute\n" in shown.out
    assert "profiles forget user/ada --yes" in shown.err
    objects = program.run("profiles", "forget", "user/ada", "--json").objects
    assert objects[0]["entity"] == "user/ada"
    assert objects[0]["would_remove"]["attributes"] == 1
    assert program.run("profiles", "export").out == before


def test_with_a_yes_it_is_gone_and_the_search_says_so(program: Program) -> None:
    populated(program)
    done = program.run("profiles", "forget", "user/ada", "--yes", "--json")
    assert done.code == 0, done.err
    [found] = done.objects
    assert (found["removed"]["attributes"], found["search"]["clean"]) == (1, True)
    assert (found["search"]["places"], found["cleaned"]) == ({}, True)
    assert re.fullmatch("forgotten-[0-9a-f]{8}", found["forgotten"])
    assert program.run("profiles", "show", "user/ada").code == 2
    assert program.run("profiles", "forget", "user/ada", "--yes").code == 2
    assert "rowing" in program.run("profiles", "export").out
    runs = program.run("runs", "list", "--json").out
    assert "user/ben" in runs
    assert "user/ada" not in runs
    asked = program.run("db", "psql", "--", "-Atc", "SELECT action, object_id FROM operator_actions")
    assert asked.out == f"forget|{found['forgotten']}\n"


@pytest.mark.parametrize(
    ("answer", "code"), [("user/ada", 0), ("USER/Ada", 0), ("ada", 1), ("y", 1), ("", 1)]
)
def test_a_person_has_to_type_whom_they_forget(program: Program, answer: str, code: int) -> None:
    told_of(program)
    exit_code, out = answered(program, answer, "profiles", "forget", "user/ada")
    assert exit_code == code, out
    assert ("none is left" in out) is (code == 0)
    assert ("Nothing was removed." in out) is (code == 1)
    assert program.run("profiles", "show", "user/ada").code == (2 if code == 0 else 0)


def test_a_trace_that_is_left_is_named_by_its_place_and_ends_with_1(program: Program) -> None:
    told_of(program)
    note = f"CREATE TABLE host_notes AS SELECT 'at {CANARY} street' AS note"
    assert program.run("db", "psql", "--", "-qc", note).code == 0
    done = program.run("profiles", "forget", "user/ada", "--yes")
    assert done.code == 1
    assert "1 are still there." in done.out
    assert "  host_notes.note: 1 row\n" in done.out
    assert CANARY not in done.out + done.err


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        ("user/nobody", "Nothing is known of user/nobody."),
        ("ada", "'ada' is not an entity. Write user/NAME or bot/NAME."),
        ("bot/*", "one is forgotten at a time"),
    ],
)
def test_what_cannot_be_forgotten_is_refused_in_a_sentence(program: Program, entity: str, words: str) -> None:
    done = program.run("profiles", "forget", entity, "--yes")
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_no_file_of_the_program_ever_held_what_was_said(tmp_path: Path) -> None:
    """Logs, states and settings: everything it writes but the tables themselves."""
    with reachable_directory() as directory:
        program = populated(Program(home=tmp_path, data_dir=directory / "data"))
        # Errors of the server and of ours, with a person's text in the statement and in its values.
        bad = f"INSERT INTO entity_profiles (entity_type, entity_id) VALUES ('{CANARY}', '{CANARY}')"
        assert program.run("db", "psql", "--", "-qc", bad).code != 0
        program.run("profiles", "import", "-", stdin=line("user/ada", value=CANARY, confidence=7))
        program.run("profiles", "import", "-", stdin=f'{{"{CANARY}": \n')
        assert program.run("profiles", "forget", "user/ada", "--yes").code == 0
        holding = [
            str(path.relative_to(directory))
            for root in (directory, tmp_path)
            for path in root.rglob("*")
            if path.is_file()
            and "cluster" not in path.parts
            and CANARY in path.read_bytes().decode("latin-1")
        ]
        assert holding == []
        assert any(path.suffix == ".log" for path in directory.rglob("*"))
