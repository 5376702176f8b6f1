"""The one writer of what running tasks have to say: log lines, progress and outcomes, in batches.

Outcomes survive a lost database: they are kept and written when it is back. If by then the run was given
to somebody else, the database refuses the late outcome and this module says so in the log. An outcome whose
row somebody keeps in an open transaction waits for that alone, and one that the database refuses for what it
says becomes a failure alone.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from scheduler_core.db.job_values import FinishedRun
from scheduler_core.domain import EventLevel, RunStatus
from scheduler_core.errors import DatabaseError, DatabaseUnreachableError, SchedulerError, frames_of

log = logging.getLogger(__name__)

# Outcomes of the same moment share a statement; log lines and progress can wait for a screen's blink.
OUTCOME_WINDOW_SECONDS = 0.02
LINE_WINDOW_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 5.0
MOST_LINES = 10_000
LONGEST_LINE = 4_000
LONGEST_BACKOFF_SECONDS = 3600.0
HELD_ROW_SECONDS = 0.5

_Outcome = tuple[FinishedRun, float | None]


class RunWriter(Protocol):
    """The part of the job store that is written to."""

    async def finish_runs(
        self, outcomes: Sequence[FinishedRun], *, retries: Mapping[UUID, float] | None = None
    ) -> set[UUID]: ...

    async def writable_runs(self, ids: Sequence[UUID]) -> Mapping[UUID, RunStatus | None]: ...

    async def add_events(self, events: Sequence[tuple[UUID, EventLevel, str]]) -> None: ...

    async def set_progress(self, progress: Mapping[UUID, str]) -> None: ...


class Recorder:
    """Collects and writes. `run` must be running for anything to reach the database.

    Args:
        on_recorded: told which runs' outcomes were written.
        on_suspicious: told which of these are marked.
    """

    def __init__(
        self,
        *,
        writer: RunWriter,
        on_recorded: Callable[[Sequence[UUID]], None],
        on_suspicious: Callable[[Sequence[UUID]], None] = lambda ids: None,
    ) -> None:
        self._writer = writer
        self._on_recorded = on_recorded
        self._on_suspicious = on_suspicious
        self._outcomes: list[_Outcome] = []
        self._writing: list[_Outcome] = []
        self._lines: list[tuple[UUID, EventLevel, str]] = []
        self._progress: dict[UUID, str] = {}
        # Whether a write failed, so that the next one looks first what can be written.
        self._wary = False
        self._told: set[UUID] = set()
        self._something = asyncio.Event()
        self._outcome_waits = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def run_ids(self) -> Sequence[UUID]:
        """The runs that are over here and whose outcome is not written yet."""
        return tuple(run.id for run, _ in (*self._writing, *self._outcomes))

    def add_line(self, run_id: UUID, level: EventLevel, message: str) -> None:
        """Queues a log line; beyond `MOST_LINES` unwritten ones the oldest go."""
        self._lines.append((run_id, level, message[:LONGEST_LINE]))
        del self._lines[:-MOST_LINES]
        self._something.set()

    def set_progress(self, run_id: UUID, text: str) -> None:
        """Queues the progress line; only the latest one of a run is written."""
        self._progress[run_id] = text[:LONGEST_LINE]
        self._something.set()

    def finish(self, run: FinishedRun, *, retry_in: float | None = None) -> None:
        """Queues the outcome; `retry_in` is the seconds until another attempt, None for none."""
        self._progress.pop(run.id, None)
        self._outcomes.append((run, retry_in))
        self._settled.clear()
        self._outcome_waits.set()
        self._something.set()

    async def wait_settled(self) -> None:
        """Returns when every outcome queued so far is written."""
        await self._settled.wait()

    async def finish_all(self) -> None:
        """Writes until nothing is left, when `run` has ended.

        Raises:
            DatabaseUnreachableError: there is nobody to write to.
        """
        while True:
            try:
                await self.run_once()
            except DatabaseUnreachableError:
                raise
            except DatabaseError as error:
                log.warning("Cannot record [%s]: %s", error.error_id, error)
            if not self._something.is_set():
                return
            await asyncio.sleep(HELD_ROW_SECONDS)

    async def run(self) -> None:
        """Writes for ever; a lost database makes it wait, not fail."""
        pause = OUTCOME_WINDOW_SECONDS
        while True:
            await self._something.wait()
            try:
                async with asyncio.timeout(LINE_WINDOW_SECONDS):
                    await self._outcome_waits.wait()
                await asyncio.sleep(OUTCOME_WINDOW_SECONDS)
            except TimeoutError:
                pass
            try:
                await self.run_once()
                pause = OUTCOME_WINDOW_SECONDS
                if self._wary:
                    await asyncio.sleep(HELD_ROW_SECONDS)
            except DatabaseError as error:
                pause = min(pause * 2, LONGEST_RETRY_SECONDS)
                log.warning("Cannot record [%s]: %s Trying again in %.1f s.", error.error_id, error, pause)
                await asyncio.sleep(pause)

    async def run_once(self) -> int:
        """Writes everything queued now; returns the number of outcomes written.

        Raises:
            DatabaseError: nothing that failed to be written was dropped.
        """
        self._something.clear()
        self._outcome_waits.clear()
        try:
            try:
                await self._write_lines()
            finally:
                # What a run said can wait; that it is over cannot.
                written = await self._write_outcomes()
            return written
        finally:
            if self._outcomes or self._lines or self._progress:
                self._something.set()
            if self._outcomes:
                self._outcome_waits.set()
            else:
                self._settled.set()

    async def _write_lines(self) -> None:
        lines, self._lines = self._lines, []
        progress, self._progress = self._progress, {}
        try:
            if lines:
                await self._writer.add_events(lines)
                lines = []
            if progress:
                await self._writer.set_progress(progress)
                progress = {}
        finally:
            # Whatever was not written goes back in front of what came meanwhile.
            self._lines = lines + self._lines
            self._progress = progress | self._progress

    async def _write_outcomes(self) -> int:
        batch, self._outcomes = self._outcomes, []
        if not batch:
            return 0
        self._writing = batch
        recorded: set[UUID] = set()
        held_back: list[_Outcome] = []
        try:
            if self._wary:
                batch, held_back, recorded = await self._sift(batch)
            written = await self._finish([each for each in batch if each[0].id not in recorded]) | recorded
        except BaseException:
            self._outcomes = self._writing + self._outcomes
            self._wary = True
            raise
        finally:
            self._writing = []
        self._outcomes = held_back + self._outcomes
        self._wary = bool(held_back)
        self._on_recorded([run.id for run, _ in batch if run.id in written])
        if odd := [run.id for run, _ in batch if run.suspicious and run.id in written]:
            self._on_suspicious(odd)
        for run, _ in batch:
            if run.id not in written:
                log.warning(
                    "Run %s ended as %s here, but it was no longer ours; its recorded outcome stays.",
                    run.id,
                    run.status,
                )
        return len(batch)

    async def _sift(self, batch: list[_Outcome]) -> tuple[list[_Outcome], list[_Outcome], set[UUID]]:
        """After a write that failed: what can be written, what somebody's open transaction holds, and the
        runs of the former whose outcome got there although the answer did not come back."""
        writable = await self._writer.writable_runs([run.id for run, _ in batch])
        free = [each for each in batch if each[0].id in writable]
        held_back = [each for each in batch if each[0].id not in writable]
        for run, _ in held_back:
            if run.id not in self._told:
                log.warning(
                    "The outcome of run %s waits: somebody keeps its row in an open transaction.", run.id
                )
        self._told = {run.id for run, _ in held_back}
        return free, held_back, {run.id for run, _ in free if writable[run.id] is run.status}

    async def _finish(self, batch: Sequence[_Outcome]) -> set[UUID]:
        """Writes; one that cannot be written for what it says costs the others nothing."""
        if not batch:
            return set()
        retries = {run.id: retry_in for run, retry_in in batch if retry_in is not None}
        try:
            return await self._writer.finish_runs([run for run, _ in batch], retries=retries)
        except DatabaseError:
            # Nothing is wrong with the outcomes.
            raise
        except Exception as error:  # noqa: BLE001 - a border: what outcomes hold comes from handlers
            if len(batch) > 1:
                half = len(batch) // 2
                return await self._finish(batch[:half]) | await self._finish(batch[half:])
            [(run, _)] = batch
            return await self._writer.finish_runs([_refused(run, error)])


def backoff(attempt: int, *, base: float) -> float:
    """Seconds before the attempt after `attempt`: doubles each time, ±20 % so that failures spread out."""
    return min(base * 2.0 ** (attempt - 1), LONGEST_BACKOFF_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311  # not a secret


def failed(run_id: UUID, message: str) -> FinishedRun:
    return FinishedRun(id=run_id, status=RunStatus.FAILED, error_message=message)


def _refused(run: FinishedRun, error: Exception) -> FinishedRun:
    # The message may quote a person's text; the frames cannot.
    refused = SchedulerError(f"The outcome cannot be stored ({type(error).__name__}).")
    log.error("Run %s [%s] %s\n%s", run.id, refused.error_id, refused, frames_of(error))
    return failed(run.id, f"{refused} [{refused.error_id}]")
