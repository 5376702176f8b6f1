"""A scheduler inside the console's process, on a thread and an event loop of its own.

A slow repaint must never make a job late, so the two share nothing but the database: the screen sees this
scheduler through rows and NOTIFY, like any other node's.
"""

import asyncio
import fcntl
import logging
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from bawt_console.collector import keep_what_is_loaded
from scheduler_core.llm.provider import TextModel
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings

log = logging.getLogger(__name__)

# How long the screen may keep the interpreter from the scheduler while it paints, of Python's usual 5 ms. A
# claim gives it up and wants it back several times.
SWITCH_SECONDS = 0.0005


@contextmanager
def only_scheduler(data_dir: Path) -> Iterator[bool]:
    """Tells whether this process is the one that schedules for a data directory.

    The lock goes with the process, however it ends. A second console on the same directory gets False and
    attaches; on an external server every console may schedule, so nobody asks there.
    """
    descriptor = os.open(data_dir / "scheduler.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


class SchedulerThread:
    """Runs `open_runtime` until it is told to stop.

    Args:
        model: in place of the one that the settings choose.
    """

    def __init__(self, settings: Settings, *, model: TextModel | None = None) -> None:
        self._settings = settings
        self._model = model
        self._ready: Future[None] = Future()
        self._ended: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        # Not a daemon: the interpreter must not end while a run's last words are being written.
        self._thread = threading.Thread(target=self._run, name="scheduler")

    async def start(self) -> None:
        """Returns when the scheduler runs.

        Raises:
            SchedulerError: it could not start.
        """
        self._thread.start()
        await asyncio.wrap_future(self._ready)

    async def stop(self) -> None:
        """Stops in order and waits for it; takes up to the grace period when runs are in hand.

        Raises:
            Exception: what ended the scheduler before, if it did not end by itself.
        """
        if self._loop is not None and self._stop is not None and not self._ended.done():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.ident is not None:
            await asyncio.wrap_future(self._ended)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits
            # Not its message or frames: the one who waits says them, and a message may quote a person.
            log.error("The embedded scheduler ended: %s", type(error).__name__)  # noqa: TRY400 - see above
            if not self._ready.done():
                self._ready.set_exception(error)
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with open_runtime(self._settings, model=self._model):
            keep_what_is_loaded()
            sys.setswitchinterval(SWITCH_SECONDS)
            self._ready.set_result(None)
            await self._stop.wait()
