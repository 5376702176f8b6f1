"""A process that has imported the program already and becomes it, by a fork, for each command.

Half a second of imports for each of several hundred commands was a quarter of the whole suite. What a command
imports, and how long it takes to start, is tested elsewhere with processes of their own.

    python -m tests.command_line.warm      reads one request a line, writes one answer a line
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import IO, Any

STREAMS = ("stdin", "stdout", "stderr")


class Warm:
    """The side of the tests: any thread may ask, and commands run side by side."""

    def __init__(self) -> None:
        self._numbers = count()
        self._waiting: dict[int, Future[int]] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.command_line.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            bufsize=1,
        )
        self._writing = threading.Lock()
        threading.Thread(target=self._hear, daemon=True).start()
        atexit.register(self.close)

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: str,
        environment: Mapping[str, str],
        cwd: Path,
        timeout: float,
    ) -> tuple[int, str, str]:
        """As `subprocess.run` would: exit code, stdout, stderr.

        Raises:
            TimeoutError: it took longer, and goes on.
        """
        with tempfile.TemporaryDirectory() as directory:
            files = {name: str(Path(directory) / name) for name in STREAMS}
            Path(files["stdin"]).write_text(stdin, encoding="utf-8")
            number, ended = next(self._numbers), Future[int]()
            self._waiting[number] = ended
            request = {
                "id": number,
                "argv": list(arguments),
                "env": dict(environment),
                "cwd": str(cwd),
                **files,
            }
            with self._writing:
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(request) + "\n")
            code = ended.result(timeout)
            out, err = (Path(files[name]).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return code, out, err

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            self._waiting.pop(answer["id"]).set_result(answer["code"])


def _import_everything() -> None:
    import bawt_console.commands

    for module in pkgutil.iter_modules(bawt_console.commands.__path__, "bawt_console.commands."):
        importlib.import_module(module.name)
    for name in ("cli", "headless", "formatting"):
        importlib.import_module(f"bawt_console.{name}")
    importlib.import_module("scheduler_core.runtime")
    # What is here stays; looking at it would copy its pages into every child.
    gc.freeze()


def _become(request: Mapping[str, Any], answers: IO[str]) -> None:
    """In the child: the process that `python -c` would have been, as far as the program can tell."""
    answers.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    for number, name in enumerate(STREAMS):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(request[name], flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8")  # noqa: SIM115 - its own
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115 - its own
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    random.seed()
    sys.argv = ["-c", *request["argv"]]
    from bawt_console.cli import main

    main()


def _serve() -> None:
    # The program's own stdout must not reach the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    _import_everything()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    pending = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 1024)
            while running:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                code = os.waitstatus_to_exitcode(status)
                print(json.dumps({"id": running.pop(pid), "code": code}), file=answers)
        if 0 in ready:
            came = os.read(0, 65536)
            if not came:
                return
            *lines, pending = (pending + came).split(b"\n")
            for line in lines:
                request = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    os.close(wake)
                    os.close(woken)
                    _become(request, answers)
                    return
                running[pid] = request["id"]


if __name__ == "__main__":
    _serve()
