"""The scheduler without a screen: signals, crashes, and a server that dies under it."""

import json
import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from bawt_console.embedding import only_scheduler
from tests.command_line.program import Program, line
from tests.postgres import kill_server

FORCE = "UPDATE scheduled_jobs SET next_run_at = NOW() - INTERVAL '1 minute';"
PATIENCE = 20.0


class Headless:
    """A running `--no-ui --json`, and its lines as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        self._notes: list[str] = []
        self._started = threading.Event()
        for target in (self._read_lines, self._read_notes):
            threading.Thread(target=target, daemon=True).start()

    def wait_until_scheduling(self) -> None:
        assert self._started.wait(PATIENCE), "\n".join(self._notes)

    def next_run(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._lines.get(timeout=PATIENCE))
        return found

    def next_runs(self, count: int) -> list[dict[str, Any]]:
        return [self.next_run() for _ in range(count)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self._lines.put(text)

    def _read_notes(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self._notes.append(text)
            if "Scheduling on" in text:
                self._started.set()


@contextmanager
def headless(program: Program, *arguments: str) -> Iterator[Headless]:
    running = Headless(program.start("--no-ui", "--json", *arguments))
    try:
        running.wait_until_scheduling()
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def node_states(program: Program) -> list[str]:
    return [node["state"] for node in program.run("nodes", "list", "--json").objects]


def read_until(descriptor: int, words: bytes) -> None:
    read, deadline = b"", time.monotonic() + PATIENCE
    while words not in read:
        assert time.monotonic() < deadline, read
        if select.select([descriptor], [], [], 0.1)[0]:
            read += os.read(descriptor, 65_536)


def test_a_forced_update_by_hand_runs_within_a_second(program: Program) -> None:
    with headless(program) as running:
        assert {run["job_type"] for run in running.next_runs(3)} == {
            "profile_maintenance",
            "memory_consolidation",
            "memory_decay",
        }
        program.run("db", "psql", "--", "-c", FORCE)
        forced = time.monotonic()
        runs = running.next_runs(3)
        assert time.monotonic() - forced < 1
        assert {run["trigger"] for run in runs} == {"schedule"}
        assert running.stop() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 0)])
def test_a_signal_stops_it_in_order_and_takes_its_server_along(
    alone: Program, number: int, code: int
) -> None:
    with headless(alone) as running:
        running.next_runs(3)
        assert running.stop(number) == code
    assert not (alone.data_dir / "postgres" / "cluster" / "postmaster.pid").exists()


def test_a_terminal_that_closes_stops_it_in_order_however_often_it_is_told(program: Program) -> None:
    with headless(program) as running:
        running.next_runs(3)
        # The kernel tells it, and the shell that ran in the same terminal tells it again.
        running.process.send_signal(signal.SIGHUP)
        assert running.stop(signal.SIGHUP) == 0
    assert node_states(program) == ["stopped"]


def test_what_was_started_to_outlive_its_terminal_does_so_and_still_stops_in_order(program: Program) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *program.command("--no-ui", "--json")],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=program.environment,
        cwd=program.home,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        read_until(controller, b'"memory_decay"')
        os.close(controller)
        process.send_signal(signal.SIGHUP)
        # Its lines go nowhere now, and that must not keep it from its work.
        for _ in range(2):
            assert program.run("jobs", "run", "profile_maintenance", "--wait").code == 0
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert node_states(program) == ["stopped"]


def test_a_terminal_that_is_gone_does_not_keep_it_from_stopping_in_order(alone: Program) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        alone.command("--no-ui"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=alone.environment,
        cwd=alone.home,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        read_until(controller, b"memory_decay")
        os.close(controller)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert not (alone.data_dir / "postgres" / "cluster" / "postmaster.pid").exists()


def test_after_kill_9_of_everything_it_starts_again_with_its_data(alone: Program) -> None:
    alone.run("profiles", "import", "-", stdin=line() + line(key="name", value="Ada"))
    with headless(alone) as running:
        running.next_runs(3)
        running.process.kill()
        running.process.wait()
    kill_server(alone.data_dir / "postgres" / "cluster")
    shown = alone.run("profiles", "show", "user/ada", "--json").objects[0]
    assert "Dresden" in shown["summary"]
    assert len(alone.run("runs", "list", "--json").objects) == 3


def test_a_server_that_dies_under_it_is_started_again(alone: Program) -> None:
    with headless(alone) as running:
        running.next_runs(3)
        kill_server(alone.data_dir / "postgres" / "cluster")
        assert alone.run("db", "psql", "--", "-c", FORCE).code == 0
        assert len(running.next_runs(3)) == 3
        assert running.stop() == 0


def test_two_programs_share_the_server_of_a_data_directory(alone: Program) -> None:
    with headless(alone) as first, headless(alone) as second:
        assert first.stop() == 0
        assert alone.run("jobs", "list").code == 0
        assert second.process.poll() is None
        alone.run("db", "psql", "--", "-c", FORCE)
        second.next_run()
        assert second.stop() == 0


def test_once_runs_wait_for_each_other_and_not_for_the_next_slot(program: Program) -> None:
    program.run("jobs", "list")
    bots = "".join(line(f"bot/b{number}") for number in range(12))
    program.run("profiles", "import", "-", stdin=bots)
    once = program.run("--no-ui", "--once", "--json")
    assert once.code == 0
    by_type: dict[str, int] = {}
    for run in once.objects:
        by_type[run["job_type"]] = by_type.get(run["job_type"], 0) + 1
    assert by_type == {"profile_maintenance": 1, "memory_consolidation": 12, "memory_decay": 12}


def test_only_one_console_of_a_data_directory_schedules(alone: Program) -> None:
    alone.data_dir.mkdir(mode=0o711)
    with only_scheduler(alone.data_dir) as first, only_scheduler(alone.data_dir) as second:
        assert (first, second) == (True, False)
    with only_scheduler(alone.data_dir) as third:
        assert third


def test_a_misspelt_variable_is_pointed_out(program: Program) -> None:
    once = program.run("--no-ui", "--once", environment={"LLM_BAWT_SCHEDULR_ENABLED": "1"})
    assert "Did you mean LLM_BAWT_SCHEDULER_ENABLED?" in once.err


def test_logs_are_json_lines_on_request(program: Program) -> None:
    done = program.run("--no-ui", "--once", environment={"LLM_BAWT_LOG_FORMAT": "json"})
    assert done.code == 0
    told = [json.loads(each) for each in done.err.splitlines()]
    assert any(each["message"].startswith("Scheduling on") for each in told)


def test_the_name_of_a_file_reaches_no_log_with_its_escape_codes(program: Program) -> None:
    models = program.home / "models"
    models.mkdir()
    (models / "we\x1b[31mird[b].gguf").write_bytes(b"rubbish")
    environment = {"LLM_BAWT_MODELS_DIR": str(models)}
    program.run("profiles", "import", "-", stdin=line())
    done = program.run("--no-ui", "--once", environment=environment)
    assert "weird[b].gguf" in done.err
    assert "\x1b" not in done.out + done.err
