"""The program as a script sees it: a process with arguments, two streams and an exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.command_line.warm import Warm

PATIENCE_SECONDS = 60.0


@cache
def _warm() -> Warm:
    return Warm()


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Its stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """bawt-console with a home, a data directory and a database of its own.

    Args:
        url: the database; None leaves the embedded server of `data_dir`.
    """

    home: Path
    data_dir: Path
    url: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LLM_BAWT_")}
        own = {
            "HOME": str(self.home),
            "LLM_BAWT_DATA_DIR": str(self.data_dir),
            "LLM_BAWT_SCHEDULER_STOP_GRACE_SECONDS": "1",
        }
        return kept | own | ({"LLM_BAWT_DATABASE_URL": self.url} if self.url else {})

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from bawt_console.cli import main; main()", *arguments]

    def run(self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None) -> Finished:
        own = environment or {}
        whole = self.environment | dict(own)
        if not any(name.startswith("PYTHON") for name in own):
            code, out, err = _warm().run(
                arguments, stdin=stdin, environment=whole, cwd=self.home, timeout=PATIENCE_SECONDS
            )
            return Finished(code, out, err)
        # Meant for the interpreter as it starts.
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env=whole,
            cwd=self.home,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=self.environment,
            cwd=self.home,
        )


def line(entity: str = "user/ada", key: str = "location", value: object = "Dresden", **more: object) -> str:
    """One attribute as a line of an import file."""
    kind, _, name = entity.partition("/")
    record = {"entity_type": kind, "entity_id": name, "category": "fact", "key": key, "value": value}
    return json.dumps(record | more) + "\n"
