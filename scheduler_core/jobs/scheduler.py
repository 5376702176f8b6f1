"""The watcher loop: claims due slots, starts waiting runs, hands their tasks to the queue.

It runs no handler and renews no lease. Any number of nodes may do this on one database; none leads.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import Claim, StartedRun
from scheduler_core.errors import DatabaseError, RunError
from scheduler_core.jobs.cron_slot import place_cron
from scheduler_core.tasks.queue import TaskSink
from scheduler_core.tasks.recorder import Recorder, failed
from scheduler_core.tasks.task import Task, TaskFactory

log = logging.getLogger(__name__)

CLAIM_BATCH = 500
CLAIMS_AT_ONCE = 2
HELD_ROW_SECONDS = 0.1
CRON_LOOK_SECONDS = 0.01
# However much is due, what waits and cron jobs get their turn this often.
LONGEST_LOOK_SECONDS = 0.2
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 10.0
ADOPT_SECONDS = 30.0

BotSource = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the tables did: runs started, runs left waiting for a place, slots skipped."""

    started: int = 0
    waiting: int = 0
    skipped: int = 0

    def __add__(self, other: "Look") -> "Look":
        return Look(self.started + other.started, self.waiting + other.waiting, self.skipped + other.skipped)


class JobScheduler:
    """One node's scheduler.

    Args:
        check_interval: seconds after which it looks even if nothing called for it.
        bots: the host's own list of bots, beside those the database knows.
        wakes: hints that something may be due sooner than known.
        on_skipped: told the runs of slots that were skipped when they were claimed.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        queue: TaskSink,
        factory: TaskFactory,
        recorder: Recorder,
        check_interval: float,
        bots: BotSource,
        wakes: AsyncIterator[frozenset[str]],
        on_skipped: Callable[[Sequence[UUID]], None],
    ) -> None:
        self._store = store
        self._on_skipped = on_skipped
        self._queue = queue
        self._factory = factory
        self._recorder = recorder
        self._check_interval = check_interval
        self._bots = bots
        self._wakes = wakes
        self._wake = asyncio.Event()
        self._stopping = False
        # Held from a claim until its tasks are in the queue, so that stopping sees every run it took.
        self._claiming = asyncio.Lock()
        # Places for what claims on their way may bring.
        self._promised = 0
        self._cron_waits = True
        self._cron_held = False
        # Whether more was due at the last look than was claimed.
        self._behind = False
        # Whether somebody holds a waiting run whose turn it was.
        self._is_held = False
        # Runs that are over since the last look.
        self._ended: list[UUID] = []
        # A new node holds nothing.
        self._adopted = time.monotonic()

    def wake(self) -> None:
        """Makes it look now."""
        self._wake.set()

    def recorded(self, run_ids: Sequence[UUID]) -> None:
        """Told which runs' outcomes are written: another run of the same job may have waited for that."""
        self._ended += run_ids
        self._wake.set()

    async def tell_waiting(self) -> None:
        """Has other nodes start what waited for runs that are over here.

        Raises:
            DatabaseError: the database is away; the next call tells them.
        """
        # They stay until they are told: who is cut off here leaves them to the last words.
        if ended := tuple(self._ended):
            await self._store.tell_waiting(ended)
            del self._ended[: len(ended)]

    async def stop_claiming(self) -> None:
        """From now on nothing new is claimed or started by this node; returns when the last claim is over."""
        self._stopping = True
        async with self._claiming:
            pass

    async def run_once(self, *, until: datetime | None = None) -> Look:
        """Claims what is due, as much as fits, and starts it.

        Args:
            until: leaves interval slots after it alone.

        Raises:
            DatabaseError: the database is away; nothing was lost.
        """
        async with self._claiming:
            try:
                return await self._look(until)
            except DatabaseError:
                self._adopted = float("-inf")
                raise

    async def _look(self, until: datetime | None) -> Look:
        self._is_held = False
        ended = len(self._ended)
        look = await self._adopt()
        # What waits goes first: a slot that is due now must not overtake one that was due before.
        look += Look(started=await self._start())
        look += await self._claim_cron()
        look += await self._claim_due(until)
        if look.waiting:
            look += Look(started=await self._start())
        if self._stopping:
            # What waited for a run of this node can no longer start here.
            await self.tell_waiting()
        else:
            del self._ended[:ended]
        return look

    async def _claim_due(self, until: datetime | None) -> Look:
        """Claims batch after batch while they come back full. Behind a full one two are on their way, so that
        the database writes one while the tasks of the other start."""
        began = time.monotonic()
        look = Look()
        more, self._behind = self._behind, False
        if not more:
            look, more = await self._claim_batch(until)

        async def claim_more() -> Look:
            claimed, more = Look(), True
            while more and not self._behind:
                one, more = await self._claim_batch(until)
                claimed += one
                # Either way may find so; the other one, which found no more, must not unsay it.
                self._behind |= more and time.monotonic() - began > LONGEST_LOOK_SECONDS
            return claimed

        if more:
            # Each is waited for, also when another fails: what it claimed has to be in the queue.
            ways = [claim_more() for _ in range(CLAIMS_AT_ONCE)]
            failures: list[BaseException] = []
            for claimed in await asyncio.gather(*ways, return_exceptions=True):
                if isinstance(claimed, BaseException):
                    failures.append(claimed)
                else:
                    look += claimed
            # A bug before a database that is away.
            for failure in sorted(failures, key=lambda each: isinstance(each, DatabaseError)):
                raise failure
        if self._behind:
            self._wake.set()
        return look

    async def _claim_batch(self, until: datetime | None) -> tuple[Look, bool]:
        """One claim, and whether more may be due and fit."""
        bots = await self._bots()
        # Nothing waits from here until the places are promised.
        free = self._queue.free - self._promised
        if self._stopping or free <= 0:
            return Look(), False
        batch = min(CLAIM_BATCH, free)
        self._promised += batch
        try:
            claim = await self._store.claim_due(
                batch=batch,
                per_bot_types=self._factory.kinds.per_bot,
                bots=bots,
                direct_types=self._factory.kinds.unlimited,
                capacity=batch,
                until=until,
            )
        finally:
            self._promised -= batch
        return await self._take(claim), claim.rows >= batch or claim.overtaken

    async def run(self) -> None:
        """Looks for ever: at the next slot, on a hint, when a place is free, and at every interval."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="scheduler hints")
            pause = FIRST_RETRY_SECONDS
            while True:
                self._wake.clear()
                began = time.monotonic()
                try:
                    await self.run_once()
                    wait = await self._wait_seconds(began)
                    pause = FIRST_RETRY_SECONDS
                except DatabaseError as error:
                    wait, pause = pause, min(pause * 2, LONGEST_RETRY_SECONDS)
                    log.warning("Cannot look for due jobs [%s]: %s", error.error_id, error)
                await self._sleep(wait)

    async def run_due(self) -> None:
        """Runs every slot that is due now and every run that waits, as places get free; slots that come
        meanwhile are left alone.

        Raises:
            DatabaseError: the database is away.
        """
        until = await self._store.now()
        settled = False
        while True:
            self._wake.clear()
            look = await self.run_once(until=until)
            if self._queue.held:
                await self._wake.wait()
            elif look == Look() and settled:
                return
            # A run that is over holds its concurrency slot until its outcome is written.
            await self._recorder.wait_settled()
            settled = look == Look() and not self._queue.held

    async def _listen(self) -> None:
        async for kinds in self._wakes:
            if "due" in kinds:
                self._wake.set()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _wait_seconds(self, began: float) -> float:
        """How long nobody need look again, after a look that began then."""
        # What waits for a free place needs no timer: the place wakes this loop when it is free.
        until_due, self._cron_waits = await self._store.next_due(looked=time.monotonic() - began)
        if self._cron_waits and not self._stopping:
            return HELD_ROW_SECONDS if self._cron_held else CRON_LOOK_SECONDS
        longest = min(self._check_interval, HELD_ROW_SECONDS) if self._is_held else self._check_interval
        if until_due is None or self._stopping:
            return longest
        if -until_due > time.monotonic() - began:
            # Due before the look, and still not claimed: somebody holds the row in an open transaction. Do
            # not spin.
            return min(self._check_interval, HELD_ROW_SECONDS)
        return min(longest, max(0.0, until_due))

    async def _adopt(self) -> Look:
        """Runs what was started for this node when the connection broke before the answer came. Nobody
        else would: the lease of a node that lives is renewed."""
        if self._stopping or time.monotonic() - self._adopted < ADOPT_SECONDS:
            return Look()
        known = [*self._queue.run_ids, *self._recorder.run_ids]
        runs = await self._store.held_runs(known=known)
        self._adopted = time.monotonic()
        if runs:
            log.warning("The answer that started %d runs was lost; they start now.", len(runs))
            await self._put(runs)
        return Look(started=len(runs))

    async def _start(self) -> int:
        started = 0
        while not self._stopping and (capacity := self._queue.free) > 0:
            try:
                runs = await self._store.start_pending(
                    limits=self._factory.kinds.limits, capacity=capacity, on_held=self._note_held
                )
            except asyncpg.UniqueViolationError:
                # Another node took the same concurrency slot between our look and our write.
                self._wake.set()
                break
            if not runs:
                break
            started += len(runs)
            await self._put(runs)
            if len(runs) < capacity:
                break
        return started

    def _note_held(self, run_ids: Sequence[UUID]) -> None:
        self._is_held = True

    async def _claim_cron(self) -> Look:
        """Cron jobs are rare and cost a transaction, so they are looked at only when some want it."""
        self._cron_held = False
        if self._stopping or not self._cron_waits:
            return Look()
        self._cron_waits = False
        claim = await self._store.claim_cron(
            place_cron,
            batch=CLAIM_BATCH,
            per_bot_types=self._factory.kinds.per_bot,
            bots=await self._bots(),
        )
        # Somebody holds the rows in an open transaction.
        self._cron_held = not claim.rows and not claim.placed
        return await self._take(claim)

    async def _take(self, claim: Claim) -> Look:
        if claim.overtaken:
            self._wake.set()
        if claim.skipped:
            self._on_skipped(claim.skipped)
        await self._put(claim.started)
        return Look(started=len(claim.started), waiting=claim.pending, skipped=len(claim.skipped))

    async def _put(self, runs: Sequence[StartedRun]) -> None:
        await self._queue.put([task for run in runs if (task := self._task_of(run)) is not None])

    def _task_of(self, run: StartedRun) -> Task | None:
        try:
            return self._factory.task_of(run)
        except RunError as error:
            self._recorder.finish(failed(run.id, f"{error} [{error.error_id}]"))
            return None
