"""Ends the program when its terminal is gone, whether or not the kernel says so by SIGHUP.

Whoever draws on a terminal that is gone blocks for ever, and whoever reads from it reads nothing as fast as
it can; a lost connection must not leave such a console behind. The thread sleeps until that happens.
"""

import os
import select
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# An embedded scheduler hands on its runs meanwhile; leases and locks end with the process anyway.
PATIENCE_SECONDS = 20.0
HUNG_UP = 128 + signal.SIGHUP


@contextmanager
def ended_by_hangup(terminal: int, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Watches a terminal while inside.

    Args:
        terminal: its descriptor; it stays the caller's.
        patience: seconds between the SIGHUP that asks this process to end and its end at once.
    """
    watched = os.dup(terminal)
    near, far = os.pipe()
    thread = threading.Thread(target=_watch, name="hangup", args=(watched, near, patience), daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(far)
        thread.join()
        os.close(near)
        os.close(watched)


def leave_gone_terminal() -> bool:
    """Whether stdout or stderr is a terminal that is gone; each that is goes nowhere from now on.

    Whatever is still written there would be an error otherwise, in the middle of an orderly end.
    """
    gone = [number for number in (1, 2) if _is_gone(number)]
    if gone:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in gone:
            os.dup2(nowhere, number)
        os.close(nowhere)
    return bool(gone)


def _is_gone(descriptor: int) -> bool:
    try:
        if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
            return False
    except OSError:
        # Closed by whoever started us.
        return False
    waiting = select.poll()
    waiting.register(descriptor, 0)
    return any(event & select.POLLHUP for _, event in waiting.poll(0))


def _watch(terminal: int, over: int, patience: float) -> None:
    waiting = select.poll()
    # No event is asked for: hang-ups and errors are told regardless.
    waiting.register(terminal, 0)
    waiting.register(over, 0)
    if any(descriptor == over for descriptor, _ in waiting.poll()):
        return
    with suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGHUP)
    waiting.unregister(terminal)
    if not waiting.poll(patience * 1000):
        os._exit(HUNG_UP)
