"""A secret that was planted in every setting that takes one comes out nowhere."""

import subprocess
from pathlib import Path

import pytest

from scheduler_core.db.embedded.binaries import postgres_binary
from tests.command_line.program import Program

CANARY = "plantedcanary7b2f"
SECRETS = {
    "LLM_BAWT_OPENAI_API_KEY": f"sk-{CANARY}",
    "LLM_BAWT_OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "LLM_BAWT_WEBHOOK_URL": f"http://127.0.0.1:9/{CANARY}",
    "LLM_BAWT_WEBHOOK_SECRET": CANARY,
    "LLM_BAWT_LOG_LEVEL": "debug",
}


@pytest.fixture
def planted(program: Program) -> dict[str, str]:
    """The environment, with a password in the database's URL too."""
    assert program.url is not None
    return SECRETS | {"LLM_BAWT_DATABASE_URL": program.url.replace("llm_bawt@", f"llm_bawt:{CANARY}@")}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-ui", "--once"),
        ("--no-ui", "--once", "--json", "--debug"),
        ("jobs", "list"),
        ("jobs", "run", "profile_maintenance"),
        ("models", "list"),
        ("models", "try", "hello", "--model", "openai:x"),
        ("db", "url"),
        ("db", "url", "--json"),
        ("brief", "--json"),
        ("why", "profile_maintenance"),
    ],
    ids=" ".join,
)
def test_it_is_in_no_output(program: Program, planted: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = program.run(*arguments, environment=planted)
    assert CANARY not in done.out + done.err
    assert "Traceback" not in done.err or "--debug" in arguments


def test_it_is_in_no_error_when_the_database_is_away(program: Program, planted: dict[str, str]) -> None:
    url = f"postgresql://ada:{CANARY}@127.0.0.1:9/none"
    for arguments in (("jobs", "list"), ("--debug", "jobs", "list"), ("--no-ui",)):
        done = program.run(*arguments, environment=planted | {"LLM_BAWT_DATABASE_URL": url})
        assert done.code == 3
        assert CANARY not in done.out + done.err


def test_it_is_in_no_wrong_setting(program: Program) -> None:
    for name in ("LLM_BAWT_DATABASE_URL", "LLM_BAWT_WEBHOOK_URL", "LLM_BAWT_OPENAI_API_KEY"):
        done = program.run("jobs", "list", environment={name: f"nonsense {CANARY}\x7f"})
        assert done.code == 2
        assert CANARY not in done.out + done.err


def test_it_is_in_no_file_and_no_row(program: Program, planted: dict[str, str], tmp_path: Path) -> None:
    assert program.run("--no-ui", "--once", environment=planted).code == 0
    dump = tmp_path / "everything"
    saved = program.run("db", "backup", str(dump), environment=planted)
    assert saved.code == 0, saved.err
    text = _plain(dump)
    assert "scheduled_jobs" in text
    assert CANARY not in text
    for file in program.data_dir.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file


def test_no_process_shows_it_among_its_arguments(program: Program, planted: dict[str, str]) -> None:
    done = program.run("db", "psql", "--", "-c", "\\! ps -ewwo args", environment=planted)
    assert done.code == 0, done.err
    assert "psql" in done.out
    assert CANARY not in done.out


def _plain(dump: Path) -> str:
    """As SQL: compressed parts would hide it."""
    command = [str(postgres_binary("pg_restore")), "--file=-", str(dump)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
