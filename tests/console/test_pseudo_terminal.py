"""On a real pseudo-terminal: what data holds never reaches it as a command, and nobody else writes to it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from bawt_console.hangup import HUNG_UP
from tests.console.hostile_console import NOISE

ROWS, COLUMNS = 30, 110
ROOT = Path(__file__).parents[2]
CONSOLE = "from bawt_console.cli import main; main()"
LEAVES_SCREEN = b"\x1b[?1049l"


class Terminal:
    """The far side of a pseudo-terminal, with a process on the near side."""

    def __init__(self, command: list[str], **variables: str) -> None:
        self.controller, near = pty.openpty()
        fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = os.environ | {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        environment.pop("COLUMNS", None)
        environment.pop("LINES", None)
        self.process = subprocess.Popen(
            command, stdin=near, stdout=near, stderr=near, cwd=ROOT, env=environment, start_new_session=True
        )
        os.close(near)
        self.raw = b""
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float = 0.05) -> bool:
        """Takes what came; False when nothing did within the time, or the process is gone."""
        ready, _, _ = select.select([self.controller], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.controller, 65_536)
        except OSError:
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def expect(self, words: str, *, gone: bool = False) -> None:
        deadline = time.monotonic() + 20
        while (words in self.text) is gone:
            assert time.monotonic() < deadline, f"{'still' if gone else 'no'} {words!r} in:\n{self.text}"
            self.read()

    def press(self, keys: str) -> None:
        """Returns when the screen came to rest; one that keeps changing is not waited for."""
        os.write(self.controller, keys.encode())
        deadline = time.monotonic() + 2
        while self.read(0.15) and time.monotonic() < deadline:
            pass

    def ended(self) -> int:
        """The exit code, after everything was read: who cannot write cannot end."""
        deadline = time.monotonic() + 20
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on with:\n{self.text}"
            self.read()
        while self.read(0):
            pass
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.controller)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "tests.console.hostile_console", str(tmp_path / "console.log")]
    opened = Terminal(command)
    yield opened
    opened.close()


def test_nothing_from_data_or_native_code_commands_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    terminal.expect("next due first")
    right, down, escape = "\x1b[C", "\x1b[B", "\x1b"
    for keys in (right, right, right, down, "\x1b[H"):
        terminal.press(keys)
    # Each key only when the last one's screen is there: on a busy machine it would go to the wrong one.
    for keys, words, gone in (
        ("p", "Pause this job?", False),
        (escape, "Pause this job?", True),
        ("\r", "Attempts", False),
        (right * 6, "Attempts", False),
        (escape, "next due first", False),
        ("2", "newest first", False),
        ("/", "state:failed", False),
        ("MARK", "· MARK ·", False),
        ("\r", "· MARK ·", False),
        (escape, "· MARK ·", True),
        ("T", "Theme: ", False),
        ("?", "Shows every run, newest first", False),
        (escape, "Shows every run, newest first", True),
    ):
        terminal.press(keys)
        terminal.expect(words, gone=gone)
    for forbidden in (
        b"\x1b]52",
        b"\x1b]0;PWNED",
        b"UFdORUQ",
        b"\x1b[31337",
        b"\x1b[6n",
        b"+q544e",
        b"\xc2\x9b",
        b"\xc2\x9d",
    ):
        assert forbidden not in terminal.raw, forbidden
    assert b"MARK" in terminal.raw
    assert NOISE.encode() not in terminal.raw
    log = (tmp_path / "console.log").read_text()
    assert f"{NOISE} on stderr" in log
    assert f"{NOISE} on stdout" in log
    started = time.monotonic()
    terminal.press("q")
    assert terminal.ended() == 0
    assert time.monotonic() - started < 5


def test_what_is_written_to_the_terminal_in_one_piece_reaches_the_line_it_opens(terminal: Terminal) -> None:
    terminal.expect("next due first")
    terminal.press("2/MARK\r")
    terminal.expect("· MARK ·")
    terminal.press("1:filter state:failed\r")
    terminal.expect("next due first · state:failed")


def test_a_log_opens_in_the_pager_cleaned_and_the_console_comes_back(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.console.hostile_console", str(tmp_path / "console.log")]
    terminal = Terminal(command, PAGER="sh -c 'cat \"$0\"; echo SHOWN; read line'")
    try:
        terminal.expect("next due first")
        # Of a job, beside which the list keeps the cursor.
        terminal.press("\x1b[C")
        terminal.expect("following")
        terminal.press("o")
        terminal.expect("SHOWN")
        terminal.press("\r")
        terminal.expect("next due first")
        terminal.press("\r")
        terminal.expect("Attempts")
        terminal.press("\x1b[C" * 3)
        terminal.raw = b""
        terminal.press("o")
        terminal.expect("SHOWN")
        assert b"\x1b[?1049l" in terminal.raw, "the screen is the pager's"
        assert b"MARK" in terminal.raw
        for forbidden in (b"\x1b]52", b"\x1b]0;PWNED", b"\x1b[31337", b"\xc2\x9b"):
            assert forbidden not in terminal.raw, forbidden
        terminal.press("\r")
        terminal.expect("Attempts")
        terminal.press("\x1b")
        terminal.expect("next due first")
    finally:
        terminal.close()


def test_the_console_comes_back_from_a_pager_whose_key_was_pressed_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.console.hostile_console", str(tmp_path / "console.log")]
    terminal = Terminal(command, PAGER="sh -c 'echo SHOWN; read line'")
    try:
        terminal.expect("next due first")
        terminal.press("\x1b[C")
        terminal.expect("following")
        terminal.press("oo")
        terminal.expect("SHOWN")
        deadline = time.monotonic() + 20
        # On a busy machine the second key may be read behind the first pager, and open one more.
        while "newest first" not in terminal.text:
            assert time.monotonic() < deadline, terminal.text
            terminal.press("\r")
            terminal.press("2")
    finally:
        terminal.close()


def test_a_console_that_ends_under_its_pager_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.console.hostile_console", str(tmp_path / "console.log")]
    takes_over = r"printf \"\033[?1049h\033[?25l\"; stty raw -echo; echo SHOWN; read line"
    terminal = Terminal(command, PAGER=f"sh -c '{takes_over}'")
    try:
        terminal.expect("next due first")
        terminal.press("\x1b[C")
        terminal.expect("following")
        terminal.press("o")
        terminal.expect("SHOWN")
        terminal.process.terminate()
        assert terminal.ended() == 0
        for leaves, enters in ((b"\x1b[?1049l", b"\x1b[?1049h"), (b"\x1b[?25h", b"\x1b[?25l")):
            assert terminal.raw.rindex(leaves) > terminal.raw.rindex(enters)
        assert termios.tcgetattr(terminal.controller)[3] & termios.ECHO
    finally:
        terminal.close()


def test_sigterm_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.expect("next due first")
    terminal.process.terminate()
    assert terminal.ended() == 0
    assert b"\x1b[?1049l" in terminal.raw, "the alternate screen is left"
    assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l"), "the cursor is shown again"


def test_what_a_shell_wrote_while_the_console_was_stopped_is_painted_over(terminal: Terminal) -> None:
    terminal.expect("next due first")
    terminal.expect("Chart   Config")
    while terminal.read(0.15):
        pass
    terminal.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)
    while terminal.read():
        pass
    # As a shell does on whatever screen there is.
    terminal._stream.feed(b"\x1b[15;1H\x1b[K[1]+  SHELL WAS HERE")
    assert "SHELL WAS HERE" in terminal.text
    terminal.process.send_signal(signal.SIGCONT)
    terminal.expect("SHELL WAS HERE", gone=True)
    terminal.expect("Chart   Config")
    # One reader of keys, not two that take each other's.
    for key, words in (("2", "newest first"), ("1", "next due first")) * 4:
        terminal.press(key)
        terminal.expect(words)
    terminal.press("q")
    assert terminal.ended() == 0


def test_a_console_ends_when_its_terminal_is_gone(database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from bawt_console.cli import main; main()", "--attach"]
    own = {"HOME": str(tmp_path), "LLM_BAWT_DATA_DIR": str(tmp_path), "LLM_BAWT_DATABASE_URL": database_url}
    terminal = Terminal(command, **own)
    try:
        terminal.expect("next due first")
        # As when a connection breaks; it leads no session, so the kernel tells it nothing.
        os.close(terminal.controller)
        # 1 where putting the terminal back failed, as there is none.
        assert terminal.process.wait(timeout=30) in (0, 1, HUNG_UP)
    finally:
        terminal.process.kill()
        terminal.process.wait()


@pytest.mark.parametrize(
    ("variable", "value", "code", "sentence"),
    [
        ("LLM_BAWT_LOG_LEVEL", "loud", 2, "LLM_BAWT_LOG_LEVEL"),
        ("LLM_BAWT_DATA_DIR", "/dev/null/data", 3, "LLM_BAWT_DATA_DIR"),
        ("LLM_BAWT_DATABASE_URL", "nonsense", 2, "does not start with postgresql://"),
    ],
)
def test_settings_that_cannot_be_used_end_it_with_a_sentence_where_the_screen_was(
    variable: str, value: str, code: int, sentence: str, tmp_path: Path
) -> None:
    variables = {
        "HOME": str(tmp_path),
        "LLM_BAWT_DATABASE_URL": "postgresql://localhost:1/x",
        variable: value,
    }
    console = Terminal([sys.executable, "-c", CONSOLE, "--attach"], **variables)
    try:
        assert console.ended() == code
        assert "error: " in console.text
        assert sentence in console.text
        assert "Traceback" not in console.text
        assert console.raw.rindex(LEAVES_SCREEN) < console.raw.rindex(b"error: ")
    finally:
        console.close()


def test_the_first_picture_waits_for_no_driver_and_no_settings(database_url: str, tmp_path: Path) -> None:
    """Everything heavy is imported behind it; this holds the real start to that."""
    loaded = tmp_path / "loaded"
    watch = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bawt_console.app import ConsoleApp\n"
        f"say = lambda app: Path({str(loaded)!r}).write_text(' '.join(sys.modules)) and app.exit()\n"
        # Called when the first picture is on the terminal.
        "ConsoleApp._open = say\n"
    )
    console = Terminal(
        [sys.executable, "-c", watch + CONSOLE, "--attach"],
        HOME=str(tmp_path),
        LLM_BAWT_DATABASE_URL=database_url,
        LLM_BAWT_DATA_DIR=str(tmp_path),
    )
    try:
        assert console.ended() == 0
    finally:
        console.close()
    heavy = {"asyncpg", "sqlalchemy", "alembic", "pydantic", "psutil", "plotext", "gpt4all", "numpy"}
    assert not {name.partition(".")[0] for name in loaded.read_text().split()} & heavy


def test_what_cannot_end_by_itself_is_ended_when_its_terminal_is_gone() -> None:
    script = (
        "import os, signal, threading\n"
        "from bawt_console.hangup import ended_by_hangup\n"
        "signal.signal(signal.SIGHUP, lambda *_: None)\n"
        "with ended_by_hangup(0, patience=0.3):\n"
        # In one piece: the terminal may be gone before a second one is written.
        "    os.write(1, b'watching')\n"
        "    while True: threading.Event().wait()\n"
    )
    terminal = Terminal([sys.executable, "-c", script])
    try:
        terminal.expect("watching")
        assert terminal.process.poll() is None
        os.close(terminal.controller)
        assert terminal.process.wait(timeout=30) == HUNG_UP
    finally:
        terminal.process.kill()
        terminal.process.wait()
