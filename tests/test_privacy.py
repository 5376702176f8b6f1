"""What is known about people stays on this machine: whole passes without a network, and watched ones."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_core.db.embedded.server import embedded_server
from tests.command_line.program import Program
from tests.postgres import reachable_directory
from tests.test_end_to_end import EXAMPLE, write_good_model

CANARY = "sk-canary-of-the-key"

# Runs in every Python process of the program, before anything else does. The model's process gets hardly any
# of the environment, so it is started by a script that puts the guard back.
GUARD = """
import os, sys

sys.executable = os.environ["GUARDED_PYTHON"]

def note(*words):
    with open(os.environ["NETWORK_NOTES"], "a") as notes:
        print(*words, file=notes)

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        if not isinstance(arguments[1], (str, bytes)):
            note("reached", event, arguments[1])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        note("asked", event, arguments[0])

note("began", os.getpid(), " ".join(sys.orig_argv[1:])[:200].replace("\\n", " "))
sys.addaudithook(watch)
"""

GUARDED_PYTHON = """#!/bin/sh
export PYTHONPATH='{folder}' NETWORK_NOTES='{folder}/notes' GUARDED_PYTHON='{folder}/python'
exec '{python}' "$@"
"""

MEMORIES = """
INSERT INTO memories (bot_id, content, importance, created_at, last_accessed)
SELECT 'nova', content, importance, now() - days * interval '1 day', now() - days * interval '1 day'
FROM (VALUES ('Ada keeps bees.', 0.8, 5), ('Ada keeps bees.', 0.8, 3), ('It rained.', 0.0, 2000),
             ('Ada moved to Dresden.', 0.9, 10), ('Ada likes tea.', 0.6, 20), ('Ada rows.', 0.6, 20),
             ('Ada sings.', 0.6, 20)) AS told (content, importance, days)
"""


def populate(program: Program) -> Program:
    assert program.run("profiles", "import", str(EXAMPLE)).code == 0
    assert program.run("db", "psql", "--", "-qc", MEMORIES).code == 0
    return program


@pytest.fixture
async def program(tmp_path: Path, database_url: str) -> Program:
    """The program with people to maintain and a model that words every summary as a good one would."""
    program = populate(Program(home=tmp_path, data_dir=tmp_path / "data", url=database_url))
    await write_good_model(program)
    return program


@pytest.fixture
async def self_contained() -> AsyncIterator[Program]:
    """The same with a database server of its own, which it starts itself."""
    with reachable_directory() as directory:
        home = directory / "home"
        home.mkdir()
        program = populate(Program(home=home, data_dir=directory / "data"))
        async with embedded_server(program.data_dir) as server:
            await write_good_model(Program(home=home, data_dir=program.data_dir, url=server.url))
        yield program


def runs_of(out: str) -> dict[str, dict[str, Any]]:
    runs = [json.loads(line) for line in out.splitlines()]
    return {run["job_type"]: run | {"result": json.loads(run["result_json"])} for run in runs}


def require_a_whole_pass(out: str) -> None:
    """Profiles worded by the model, memories merged and archived, and all that recorded as local."""
    runs = runs_of(out)
    assert {(name, run["status"]) for name, run in runs.items()} == {
        ("profile_maintenance", "success"),
        ("memory_consolidation", "success"),
        ("memory_decay", "success"),
    }
    profiles = runs["profile_maintenance"]["result"]
    assert profiles["changed"] == 8
    assert sum(entity["from_model"] for entity in profiles["entities"]) > 8
    model = profiles["model"]
    assert (model["name"], model["provider"], model["locality"]) == ("good", "gpt4all", "local")
    assert model["checksum"].startswith("sha256:")
    assert min(model["calls"], model["tokens_in"], model["tokens_out"], model["seconds"]) > 0
    assert model["tokens_per_second"] > 0


def can_leave_the_network() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-n", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_leave_the_network(), reason="only root on Linux can make a network namespace")
def test_a_whole_pass_needs_no_network_at_all(self_contained: Program) -> None:
    unshare = shutil.which("unshare")
    assert unshare is not None
    probe = "import socket; socket.create_connection(('127.0.0.1', 9))"
    tried = subprocess.run(
        [unshare, "-n", sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert "Network is unreachable" in tried.stderr
    done = subprocess.run(
        [unshare, "-n", *self_contained.command("--no-ui", "--once", "--json")],
        env=self_contained.environment,
        cwd=self_contained.home,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    require_a_whole_pass(done.stdout)


@pytest.fixture
def guarded(tmp_path: Path) -> dict[str, str]:
    """The environment in which every Python process notes whom it reaches."""
    folder = tmp_path / "guard"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(GUARD)
    python = folder / "python"
    python.write_text(GUARDED_PYTHON.format(folder=folder, python=sys.executable))
    python.chmod(0o755)
    return {
        "PYTHONPATH": str(folder),
        "NETWORK_NOTES": str(folder / "notes"),
        "GUARDED_PYTHON": str(python),
    }


def notes_of(guarded: dict[str, str], word: str) -> list[str]:
    lines = Path(guarded["NETWORK_NOTES"]).read_text().splitlines()
    return [line for line in lines if line.startswith(word)]


def test_no_process_of_a_whole_pass_reaches_for_the_network(
    program: Program, guarded: dict[str, str]
) -> None:
    done = program.run("--no-ui", "--once", "--json", environment=guarded)
    assert done.code == 0, done.err
    require_a_whole_pass(done.out)
    began = notes_of(guarded, "began")
    assert any("bawt_console" in line for line in began)
    assert any("gpt4all_worker" in line for line in began)
    assert notes_of(guarded, "reached") == []
    assert notes_of(guarded, "asked") == []


def test_the_guard_sees_a_process_that_does(program: Program, guarded: dict[str, str]) -> None:
    server = {"LLM_BAWT_OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    wanted = {"LLM_BAWT_PROFILE_MAINTENANCE_MODEL": "openai:tiny"}
    assert program.run("--no-ui", "--once", environment=guarded | server | wanted).code == 1
    assert any("('127.0.0.1', 9)" in line for line in notes_of(guarded, "reached"))


def test_a_server_elsewhere_is_not_reached_and_the_pass_goes_on_without(
    program: Program, guarded: dict[str, str]
) -> None:
    for model in (program.data_dir / "models").iterdir():
        model.unlink()
    server = {"LLM_BAWT_OPENAI_BASE_URL": "http://203.0.113.7:8080/v1", "LLM_BAWT_OPENAI_API_KEY": CANARY}
    done = program.run("--no-ui", "--once", "--json", environment=guarded | server)
    assert runs_of(done.out)["profile_maintenance"]["result"]["without_model"] is True
    assert "203.0.113.7:8080 is not on this machine and remote models are not allowed" in done.err
    assert CANARY not in done.out + done.err
    assert notes_of(guarded, "reached") == []
