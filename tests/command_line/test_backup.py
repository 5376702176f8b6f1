"""Backups of a real server, by the commands a person types: proved, complete, and brought back."""

import json
import stat
from pathlib import Path

import pytest

from tests.command_line.program import Program, line


@pytest.fixture
def filled(program: Program) -> Program:
    """A database that knows something."""
    done = program.run(
        "profiles", "import", "-", stdin=line() + line("user/jo", "name", 'O\'Brien "Jo" \\ ☃')
    )
    assert done.code == 0, done.err
    return program


def profiles(program: Program) -> str:
    done = program.run("profiles", "export")
    assert done.code == 0, done.err
    return done.out


def test_what_was_backed_up_comes_back_as_it_was(filled: Program, tmp_path: Path) -> None:
    file = tmp_path / "a backup.dump"
    before = profiles(filled)
    saved = filled.run("db", "backup", str(file), "--json")
    assert saved.code == 0, saved.err
    [told] = saved.objects
    assert told["size_bytes"] == file.stat().st_size
    assert told["tables"]["public.entity_profile_attributes"] == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*.part")] == []
    filled.run("profiles", "import", "-", stdin=line("user/late", "location", "Ghent"))
    refused = filled.run("db", "restore", str(file))
    assert refused.code == 2
    assert "--replace" in refused.err
    restored = filled.run("db", "restore", str(file), "--replace", "--json")
    assert restored.code == 0, restored.err
    assert profiles(filled) == before
    [told] = restored.objects
    kept = filled.run("db", "psql", "--", "-Atc", "SELECT datname FROM pg_database ORDER BY 1")
    assert told["kept"] in kept.out.splitlines(), "what was there before is not lost"
    assert not [name for name in kept.out.splitlines() if name.startswith(("bawt_proof", "bawt_restore"))]
    assert filled.run("--no-ui", "--once").code == 0
    assert filled.run("audit").code == 0


def test_a_backup_moves_to_a_new_installation(filled: Program, alone: Program, tmp_path: Path) -> None:
    file = tmp_path / "moving.dump"
    assert filled.run("db", "backup", str(file)).code == 0
    moved = alone.run("db", "restore", str(file), "--json")
    assert moved.code == 0, moved.err
    assert moved.objects[0]["kept"] is None
    assert profiles(alone) == profiles(filled)


def test_a_file_that_is_there_is_not_replaced_unasked(filled: Program, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("mine")
    refused = filled.run("db", "backup", str(file))
    assert (refused.code, file.read_text()) == (2, "mine")
    assert filled.run("db", "backup", str(file), "--replace").code == 0


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", b"PGDMP" + bytes(range(256))], ids=["empty", "text", "torn"]
)
def test_rubbish_is_refused_in_a_sentence_and_changes_nothing(
    filled: Program, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "rubbish"
    file.write_bytes(content)
    before = profiles(filled)
    refused = filled.run("db", "restore", str(file), "--replace")
    assert refused.code == 2
    assert "pg_restore failed" in refused.err
    assert "Name a file that `bawt-console db backup` wrote." in refused.err
    assert "Traceback" not in refused.err
    assert profiles(filled) == before


def test_a_backup_that_was_cut_short_is_refused(filled: Program, tmp_path: Path) -> None:
    file = tmp_path / "cut"
    assert filled.run("db", "backup", str(file)).code == 0
    file.write_bytes(file.read_bytes()[:-2000])
    before = profiles(filled)
    refused = filled.run("db", "restore", str(file), "--replace")
    assert refused.code == 2, refused.err
    assert profiles(filled) == before


def test_a_database_in_use_is_left_alone(filled: Program, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    assert filled.run("db", "backup", str(file)).code == 0
    running = filled.start("--no-ui")
    try:
        assert running.stderr is not None
        while "Scheduling on" not in running.stderr.readline():
            pass
        refused = filled.run("db", "restore", str(file), "--replace")
    finally:
        running.terminate()
        running.communicate(timeout=30)
    assert refused.code == 2
    assert "is in use" in refused.err


def test_a_place_that_cannot_be_written_is_one_sentence(filled: Program, tmp_path: Path) -> None:
    refused = filled.run("db", "backup", str(tmp_path / "nowhere" / "file"))
    assert refused.code == 2
    assert "cannot be written" in refused.err
    assert refused.err.count("\n") <= 2


def test_what_a_backup_says_of_itself_names_nobody(filled: Program, tmp_path: Path) -> None:
    done = filled.run("db", "backup", str(tmp_path / "x"), "--json")
    assert "Dresden" not in json.dumps(done.objects) + done.err
