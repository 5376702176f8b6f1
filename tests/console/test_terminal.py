"""The descriptors of the process, and the ways to a clipboard."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bawt_console import terminal
from bawt_console.terminal import LONGEST_OSC52, copy_text

SCRIPT = """
import os, subprocess, sys
from pathlib import Path
from bawt_console.terminal import private_terminal, send_output_to

with private_terminal() as screen:
    print("to nobody", flush=True)
    send_output_to(Path(sys.argv[1]))
    os.write(1, b"one\\n")
    os.write(2, b"two\\n")
    subprocess.run(["sh", "-c", "echo three; echo four >&2"])
    print("five")
    sys.__stderr__.write("painted")
    screen.flush()
print("after")
print("after", file=sys.stderr)
"""


def test_only_the_screen_writes_to_the_terminal_while_it_is_up(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log)], capture_output=True, text=True, check=True
    )
    assert done.stderr == "paintedafter\n"
    assert done.stdout == "after\n"
    assert sorted(log.read_text().split()) == ["five", "four", "one", "three", "two"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_a_clipboard_tool_is_used_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "wl-copy"
    tool.write_text(f"#!/bin/sh\ncat > {tmp_path}/pasted\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    written: list[str] = []
    assert await copy_text("Grüße", through_terminal=written.append) == "to the clipboard"
    assert (tmp_path / "pasted").read_text() == "Grüße"
    assert written == []


async def test_without_a_tool_the_terminal_gets_short_text_and_a_file_long_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terminal, "_CLIPBOARD_TOOLS", ())
    written: list[str] = []
    assert "terminal" in await copy_text("short", through_terminal=written.append)
    assert written == ["short"]
    said = await copy_text("x" * (LONGEST_OSC52 + 1), through_terminal=written.append)
    assert written == ["short"]
    file = said.removeprefix("to ")
    found = os.stat(file)  # noqa: PTH116 - pathlib here is what ASYNC240 forbids
    assert found.st_size == LONGEST_OSC52 + 1
    assert stat.S_IMODE(found.st_mode) == 0o600
    os.unlink(file)  # noqa: PTH108 - as above


async def test_a_tool_that_fails_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "broken"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setattr(terminal, "_CLIPBOARD_TOOLS", (("", (str(tool),)),))
    written: list[str] = []
    assert "terminal" in await copy_text("text", through_terminal=written.append)
    assert written == ["text"]
