"""Another process that uses the embedded server, as this user or as another one."""

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]

# Holds the server until its standard input ends; says where it is, or what was wrong.
HOLD = """
import asyncio, json, sys
from pathlib import Path
from scheduler_core.db.embedded.server import embedded_server
from scheduler_core.errors import SchedulerError

async def main():
    try:
        async with embedded_server(Path(sys.argv[1])) as server:
            print(json.dumps({"url": server.url, "sockets": str(server.socket_dir)}), flush=True)
            await asyncio.to_thread(sys.stdin.readline)
    except SchedulerError as error:
        print(json.dumps({"title": error.title, "hint": error.hint}), flush=True)

asyncio.run(main())
"""


class Holder:
    """Another process that uses the server of a data directory."""

    def __init__(self, data_dir: Path, *, user: str | None = None, **environment: str) -> None:
        prefix, spawn = _becoming(user)
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", HOLD, os.fspath(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env=os.environ
            | {"PYTHONPATH": os.fspath(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
            | environment,
            **spawn,
        )

    def answer(self) -> dict[str, str]:
        """Waits for what it says first."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process ended without a word"
        answer: dict[str, str] = json.loads(line)
        return answer

    def end(self) -> int:
        """Lets it leave, and waits."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)

    def close(self) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _becoming(user: str | None) -> tuple[list[str], dict[str, Any]]:
    """How to start Python as another user.

    An interpreter in root's home is closed to others; setpriv then lets that user read everything, and
    still write only what is its own.
    """
    if user is None:
        return [], {}
    entry = pwd.getpwnam(user)
    spawn = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    probe = [sys.executable, "-c", "import asyncpg"]
    if _succeeds(probe, **spawn):
        return [], spawn
    prefix = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if shutil.which("setpriv") is None or not _succeeds([*prefix, *probe]):
        pytest.skip("another user cannot run this Python, and setpriv cannot help")
    return prefix, {}


def _succeeds(command: list[str], **spawn: Any) -> bool:
    try:
        return subprocess.run(command, capture_output=True, cwd="/", check=False, **spawn).returncode == 0
    except PermissionError:
        return False
