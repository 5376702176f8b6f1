"""The scheduler without a screen: one line a finished run on stdout, logs on stderr.

The first SIGTERM or SIGINT stops in order, a second one at once. A terminal that closes stops in order too,
unless whoever started this had SIGHUP ignored, as nohup does. It knows no terminal library.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from uuid import UUID

from bawt_console.collector import keep_what_is_loaded
from bawt_console.hangup import leave_gone_terminal
from bawt_console.output import print_json, print_line
from scheduler_core.db.history import History
from scheduler_core.domain import Run, RunStatus
from scheduler_core.llm.provider import TextModel
from scheduler_core.runtime import Runtime, open_runtime
from scheduler_core.settings import Settings

log = logging.getLogger(__name__)

INTERRUPTED = 130


async def run_headless(
    settings: Settings,
    *,
    once: bool,
    as_json: bool,
    seconds: float | None = None,
    model: TextModel | None = None,
) -> int:
    """Runs until told to stop, or with `once` until what is due now is over.

    Args:
        seconds: ends by itself after so long.
        model: in place of the one that the settings choose.

    Returns:
        The exit code: 0, 1 if a run failed while `once`, 130 after SIGINT.

    Raises:
        SchedulerError: it cannot start.
    """
    printer = _Printer(print_json if as_json else _print_run)
    signals = _Signals(seconds)
    async with asyncio.TaskGroup() as group:
        printing = None
        try:
            async with open_runtime(
                settings, model=model, on_finished=printer.tell, watch=not once
            ) as runtime:
                keep_what_is_loaded()
                printing = group.create_task(printer.run(runtime.history), name="printer")
                log.info("Scheduling on %s as node %s.", runtime.address.label, runtime.node_id)
                await _work(runtime, signals, once=once)
                log.info("Stopping.")
                await runtime.stop()
                await printer.drain()
        finally:
            signals.close()
            leave_gone_terminal()
            if printing is not None:
                printing.cancel()
    if signals.interrupted:
        return INTERRUPTED
    return 1 if once and printer.failures else 0


async def _work(runtime: Runtime, signals: "_Signals", *, once: bool) -> None:
    stop = asyncio.create_task(signals.wait(), name="stop signal")
    tasks = {stop}
    if once:
        tasks.add(asyncio.create_task(runtime.run_due(), name="due runs"))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


class _Signals:
    """Turns signals, or the end of the time there is, into an event, and a second signal into the end."""

    def __init__(self, seconds: float | None) -> None:
        self._stop = asyncio.Event()
        self._asked = False
        self.interrupted = False
        self._loop = asyncio.get_running_loop()
        self._handled = [signal.SIGINT, signal.SIGTERM]
        if seconds is not None:
            self._loop.call_later(seconds, self._stop.set)
        for number in self._handled:
            self._loop.add_signal_handler(number, self._heard, number)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # Of one hang-up both the kernel and a shell may tell, so a second one asks for nothing more.
            self._loop.add_signal_handler(signal.SIGHUP, self._stop.set)
            self._handled.append(signal.SIGHUP)

    async def wait(self) -> None:
        """Returns at the first signal."""
        await self._stop.wait()

    def close(self) -> None:
        for number in self._handled:
            self._loop.remove_signal_handler(number)

    def _heard(self, number: signal.Signals) -> None:
        if self._asked:
            # At once means at once: leases and the embedded server's lock end with the process.
            os._exit(INTERRUPTED if number == signal.SIGINT else 1)
        self._asked = True
        self.interrupted = number == signal.SIGINT
        self._stop.set()


class _Printer:
    """Prints finished runs in the order they are told, reading each as it stands in the database."""

    def __init__(self, show: Callable[[Run], None]) -> None:
        self._show = show
        self._queue: asyncio.Queue[Sequence[UUID]] = asyncio.Queue()
        self.failures = 0

    def tell(self, run_ids: Sequence[UUID]) -> None:
        self._queue.put_nowait(run_ids)

    async def run(self, history: History) -> None:
        while True:
            run_ids = await self._queue.get()
            try:
                for run in await history.runs_by_id(run_ids):
                    self.failures += run.status is RunStatus.FAILED
                    self._print(run)
            finally:
                self._queue.task_done()

    async def drain(self) -> None:
        await self._queue.join()

    def _print(self, run: Run) -> None:
        try:
            self._show(run)
        except OSError:
            # A run is no less done because nobody is left to read of it.
            if not leave_gone_terminal():
                raise


def _print_run(run: Run) -> None:
    from bawt_console.formatting import duration, full_time, one_line, run_mode, run_state

    says = " · ".join(filter(None, (run_mode(run), run.error_message or run.reason)))
    told = (
        f"{full_time(run.finished_at)}  {run_state(run).word:10}  {run.job_type}  {run.bot_id}"
        f"  {duration(run.duration_ms)}  {run.id}  {says}"
    )
    print_line(one_line(told).rstrip())
