"""The running server of a cluster, as its lock file and the process table tell it.

The lock file (`postmaster.pid`) alone proves nothing: after a kill -9 its process id may belong to
somebody else. So the process must also work in the cluster's directory before it is trusted or signalled.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"

# Seconds a fast shutdown may take (it writes a checkpoint), and an immediate one after it.
FAST_DEADLINE = 20.0
IMMEDIATE_DEADLINE = 5.0

_POLL = 0.005
_logger = logging.getLogger(__name__)


class Process(Protocol):
    """The part of psutil.Process used here; psutil itself carries no types."""

    def is_running(self) -> bool: ...
    def status(self) -> str: ...
    def cwd(self) -> str: ...
    def cmdline(self) -> list[str]: ...
    def send_signal(self, sig: int) -> None: ...


_process_of: Callable[[int], Process] = psutil.Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A server that runs now.

    Args:
        process: None when it runs where its process cannot be seen, as in another container.
        socket_dir: None until the server has told.
        status: `starting`, `ready` or `stopping`.
    """

    process: Process | None
    socket_dir: Path | None
    status: str


def find_postmaster(cluster: Path) -> Postmaster | None:
    """The server running on the cluster directory, or None."""
    lines = _lock_file_lines(cluster)
    if not lines or not lines[0].lstrip("-").isdecimal():
        return None
    socket_dir = Path(lines[4]) if len(lines) > 4 and lines[4] else None
    status = lines[7].strip() if len(lines) > 7 else "starting"
    process = _process(abs(int(lines[0])), cluster)
    if process is None and not (socket_dir is not None and _listens(socket_dir)):
        return None
    return Postmaster(process=process, socket_dir=socket_dir, status=status)


def disown_lock_file(cluster: Path) -> None:
    """Makes a stale lock file harmless before a start; call it only when no server was found.

    PostgreSQL refuses to start while the process id in the file is alive, even as another program's. It
    does accept its own parent's, and then still checks that no old process uses the shared memory.
    """
    lines = _lock_file_lines(cluster)
    if not lines or not lines[0].lstrip("-").isdecimal():
        # Empty after a full disk or a power cut: it names nobody, and PostgreSQL would never start.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        return
    descriptor = os.open(cluster / "postmaster.pid", os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join([str(os.getpid()), *lines[1:7], ""]))


def stop_postmaster(cluster: Path) -> bool:
    """Fast shutdown, then after `FAST_DEADLINE` seconds an immediate one. True when none runs afterwards.

    Clients are disconnected; what was committed stays. Even the immediate one loses nothing: the next
    start recovers from the log.
    """
    found = find_postmaster(cluster)
    if found is None:
        return True
    if found.process is None:
        _logger.info("the embedded server is not this machine's process; left running")
        return False
    steps = ((signal.SIGINT, FAST_DEADLINE), (signal.SIGQUIT, IMMEDIATE_DEADLINE))
    for wanted, deadline in steps:
        try:
            found.process.send_signal(wanted)
        except psutil.NoSuchProcess:
            return True
        if _gone_within(found.process, deadline):
            return True
        _logger.warning("the embedded server did not stop within %g s of %s", deadline, wanted.name)
    return False


def _gone_within(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _runs(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _runs(process: Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _process(pid: int, cluster: Path) -> Process | None:
    try:
        process = _process_of(pid)
        if not _runs(process):
            return None
        try:
            # The server works in its data directory from its first moment to its last.
            at_home = Path(process.cwd()).samefile(cluster)
        except psutil.AccessDenied:
            # Root in a container may not look; what the server was started with is open to all.
            at_home = os.fspath(cluster) in process.cmdline()
    except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
        return None
    return process if at_home else None


def _listens(directory: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(directory / SOCKET_NAME))
        except OSError:
            return False
    return True


def _lock_file_lines(cluster: Path) -> list[str]:
    try:
        text = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return text.splitlines()
