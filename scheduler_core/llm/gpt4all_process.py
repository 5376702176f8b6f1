"""The parent's side of the gpt4all worker: starts it, talks JSON lines with it, ends it.

It knows pipes, signals and the native log, not prompts or finish reasons. Nothing the worker or native code
writes reaches this process's terminal.
"""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from scheduler_core.errors import ModelError

EXIT_SECONDS = 2.0
"""How long an orderly end may take before the process is killed."""

LOG_TAIL_BYTES = 16 * 1024

_WORKER = Path(__file__).with_name("gpt4all_worker.py")
# Passwords and keys of the host are none of the native code's business.
_PASSED_ON = frozenset(
    {
        "DYLD_LIBRARY_PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LD_LIBRARY_PATH",
        "PYTHONHOME",
        "PYTHONPATH",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "TMPDIR",
        "USERPROFILE",
        "VIRTUAL_ENV",
    }
)

# "GGML_ASSERT: file:line: condition", in some releases "file:line: GGML_ASSERT(condition) failed".
_ASSERTION = re.compile(r"GGML_ASSERT(?:: [^\n]*?:\d+: |\()([^\n]+?)(?:\) failed)?(?:\n|$)")

Message = dict[str, Any]


class WorkerProcess(asyncio.SubprocessProtocol):
    """One running worker; make it with `start`.

    Attributes:
        messages: what the worker sent, then None once it has exited.
        exited: set when the process is gone and reaped.
    """

    def __init__(self, log: BinaryIO) -> None:
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self.exited = asyncio.Event()
        self._log = log
        self._partial = bytearray()
        self._released = False
        self._last_log = ""
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def start(cls) -> "WorkerProcess":
        """Starts a worker without a model.

        Raises:
            ModelError: the process cannot be started.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process; closed when it is gone
        try:
            _append_always(log)
            _, process = await asyncio.get_running_loop().subprocess_exec(
                lambda: cls(log),
                sys.executable,
                "-P",
                str(_WORKER),
                str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=worker_environment(os.environ),
                start_new_session=True,
            )
        except BaseException as error:
            log.close()
            if isinstance(error, OSError):
                raise ModelError(
                    "The process for the model cannot be started.", str(error.strerror)
                ) from error
            raise
        return process

    @property
    def is_alive(self) -> bool:
        return not self.exited.is_set()

    @property
    def is_usable(self) -> bool:
        """Alive and not on its way out."""
        return self.is_alive and not self._released

    @property
    def process_id(self) -> int | None:
        return self._transport.get_pid() if self._transport is not None and self.is_alive else None

    def send(self, message: Message) -> None:
        """Never blocks and never fails: a dead worker shows as None in `messages`."""
        pipe = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(json.dumps(message).encode() + b"\n")

    def log_tail(self) -> str:
        """The end of what native code wrote; for a developer, not for the log: it may name paths."""
        if self._log.closed:
            return self._last_log
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_TAIL_BYTES))
        return self._log.read().decode("utf-8", "replace")

    def failed_assertion(self) -> str:
        """The condition native code aborted on, or the empty text; names no paths."""
        found = _ASSERTION.search(self.log_tail())
        return found[1].strip()[:200] if found else ""

    def clear_log(self) -> None:
        """Makes room: native code can write only so much before its writes fail."""
        if not self._log.closed:
            self._log.truncate(0)

    def ending(self) -> str:
        """How the process ended, such as `SIGSEGV` or `status 1`."""
        code = self._transport.get_returncode() if self._transport is not None else None
        if code is None:
            return "an unknown cause"
        if code >= 0:
            return f"status {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"

    def kill_now(self) -> None:
        """Sends the signal and returns at once."""
        if self._transport is not None and self.is_alive:
            self._transport.kill()

    async def kill(self) -> None:
        """Kills the process and waits until it is gone; its memory is then free."""
        self.kill_now()
        await self.exited.wait()
        self._close()

    def release(self) -> None:
        """Lets the worker end by itself; returns at once. A worker in native code ends too."""
        self._released = True
        pipe = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if pipe is not None:
            pipe.close()

    async def close(self) -> None:
        """An orderly end, and a kill if that takes more than `EXIT_SECONDS`."""
        self.release()
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await self.exited.wait()
        except TimeoutError:
            pass
        finally:
            self.kill_now()
        await self.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        if isinstance(data, str):
            return
        *lines, rest = (self._partial + data).split(b"\n")
        self._partial = bytearray(rest)
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict) and "event" in message:
                self.messages.put_nowait(message)

    def process_exited(self) -> None:
        self.exited.set()
        self.messages.put_nowait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._last_log = self.log_tail()
        self._log.close()


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment the worker gets: paths and language, no secrets and no search path."""
    return {name: value for name, value in environment.items() if name in _PASSED_ON}


def _append_always(log: BinaryIO) -> None:
    """Appending, so that the log can be emptied while the worker writes to it."""
    if sys.platform == "win32":
        return
    import fcntl

    flags = fcntl.fcntl(log, fcntl.F_GETFL)
    fcntl.fcntl(log, fcntl.F_SETFL, flags | os.O_APPEND)
