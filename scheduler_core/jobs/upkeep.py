"""What keeps many nodes honest: heartbeats, cancellations, rescue of lost runs, retention.

Every node does all of it; the statements are safe to run at the same time. It never runs a handler.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import LostRun, NodeRow
from scheduler_core.errors import DatabaseError, RunError
from scheduler_core.tasks.processor import TaskProcessor
from scheduler_core.tasks.recorder import backoff
from scheduler_core.tasks.task import JobKinds, parse_config

log = logging.getLogger(__name__)

BATCH = 500
HEARTBEATS_A_LEASE = 3
LEASE_END_SECONDS = 0.01
LOOK_AGAIN_SECONDS = 0.5
RETENTION_SECONDS = 600.0
# The share of its time that a node spends on old history while there is more of it than one bite.
RETENTION_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """What one round did."""

    cancelled: int = 0
    rescued: int = 0
    unknown: int = 0
    paused: int = 0
    recalled: int = 0
    expired: int = 0


class Upkeep:
    """One node's upkeep.

    Args:
        describe: the node's row as it is now.
        lease: seconds after which other nodes take over this one's runs unless it renews.
        max_attempts: for job types that do not say.
        unknown_grace: seconds that a run of an unknown type waits for a node that knows it.
        history_days: finished runs older than this are deleted.
        wakes: hints that a cancellation was asked for.
        on_closed: told the runs this node closed for others.
        on_back: told that the database answers again after it did not.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        processor: TaskProcessor,
        kinds: JobKinds,
        describe: Callable[[], NodeRow],
        lease: float,
        max_attempts: int,
        retry_base: float,
        unknown_grace: float,
        history_days: int,
        wakes: AsyncIterator[frozenset[str]],
        on_closed: Callable[[Sequence[UUID]], None],
        on_back: Callable[[], None],
    ) -> None:
        self._store = store
        self._on_closed = on_closed
        self._on_back = on_back
        self._processor = processor
        self._kinds = kinds
        self._describe = describe
        self._lease = lease
        self._max_attempts = max_attempts
        self._retry_base = retry_base
        self._unknown_grace = unknown_grace
        self._history_days = history_days
        self._wakes = wakes
        self._cancelled_on_its_way = asyncio.Event()
        self._round = self._pause = lease / HEARTBEATS_A_LEASE
        self._renewed = time.monotonic()
        self._swept = float("-inf")
        self._is_away = False
        self._trusts_leases_at = float("-inf")

    async def run(self) -> None:
        """Keeps the lease and the tables in order for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="cancellation hints")
            group.create_task(self._look_again(), name="cancelled runs on their way")
            while True:
                try:
                    await self.run_once()
                except DatabaseError as error:
                    log.warning("Upkeep waits for the database [%s]: %s", error.error_id, error)
                    self._give_up_lost_lease()
                wait = self._round if self._is_away else self._renewed + self._pause - time.monotonic()
                await asyncio.sleep(max(0.0, wait))

    async def run_once(self) -> Done:
        """Renews the lease, then looks after everybody's runs.

        Raises:
            DatabaseError: the database is away, or one step could not be done now.
        """
        try:
            ends_in = await self._store.heartbeat(self._describe())
        except DatabaseError:
            # A later step may fail by itself; that says nothing about the leases of others.
            self._is_away = True
            raise
        # A lease that nobody renewed is looked at when it ends, and not up to a round later.
        self._pause = min(self._round, self._round if ends_in is None else ends_in + LEASE_END_SECONDS)
        self._renewed = time.monotonic()
        if self._is_away:
            self._come_back()
        cancelled = await self.check_cancelled()
        rescued = unknown = 0
        if self._renewed >= self._trusts_leases_at:
            rescued, unknown = await self._rescue(), await self._fail_unknown()
        paused = await self._skip_paused()
        recalled = await self._store.recall()
        expired = await self._expire()
        return Done(
            cancelled=cancelled,
            rescued=rescued,
            unknown=unknown,
            paused=paused,
            recalled=recalled,
            expired=expired,
        )

    async def check_cancelled(self) -> int:
        """Stops the handlers whose runs were cancelled or were given to another node."""
        cancelled = 0
        checks = await self._store.check_runs(self._processor.run_ids)
        in_hand = frozenset(self._processor.run_ids)
        for check in checks:
            because = f"Cancelled by {check.cancelled_by}." if check.held else "The lease was lost."
            cancelled += self._processor.cancel(check.id, because)
            if check.held and check.id not in in_hand:
                self._cancelled_on_its_way.set()
        return cancelled

    async def _listen(self) -> None:
        async for kinds in self._wakes:
            if "cancel" in kinds:
                await self._look_for_cancelled()

    async def _look_again(self) -> None:
        """Looks for a run that was cancelled when it had started, and was not in hand here, until it is."""
        while True:
            await self._cancelled_on_its_way.wait()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            self._cancelled_on_its_way.clear()
            await self._look_for_cancelled()

    async def _look_for_cancelled(self) -> None:
        try:
            await self.check_cancelled()
        except DatabaseError as error:
            log.warning("Cannot look for cancellations [%s]: %s", error.error_id, error)

    async def _rescue(self) -> int:
        lost = await self._store.rescue_runs(batch=BATCH, retry_in=self._retry_in)
        for run in lost:
            log.warning("Run %s: %s", run.id, run.error_message)
        if lost:
            ended = [run.id for run in lost]
            self._on_closed(ended)
            await self._store.tell_waiting(ended)
        return len(lost)

    async def _fail_unknown(self) -> int:
        unknown = await self._store.fail_unknown(grace=self._unknown_grace, batch=BATCH)
        if unknown:
            self._on_closed(unknown)
        return len(unknown)

    async def _skip_paused(self) -> int:
        skipped = await self._store.skip_paused(batch=BATCH)
        if skipped:
            self._on_closed(skipped)
        return len(skipped)

    def _come_back(self) -> None:
        """What kept this node from the database may have kept the others: their leases ended with nobody
        dead, so they get the time of one lease to renew them."""
        self._is_away = False
        self._trusts_leases_at = self._renewed + self._lease
        self._on_back()

    def _retry_in(self, run: LostRun) -> float | None:
        kind = next((kind for kind in self._kinds if kind.name == run.job_type), None)
        try:
            config = parse_config(kind.config, run.config_json) if kind is not None else None
        except RunError:
            # It cannot start again either; that attempt names the field.
            config = None
        most = (config and config.max_attempts) or (kind and kind.max_attempts) or self._max_attempts
        if run.attempt >= most:
            return None
        return backoff(run.attempt, base=self._retry_base) if run.attempt > 1 else 0.0

    async def _expire(self) -> int:
        if time.monotonic() - self._swept < RETENTION_SECONDS:
            return 0
        # Small bites, so that nobody waits long for one; many of them, so that whatever number of runs come
        # in a day, as many can go. What is left when the time is over is for the next round.
        until = time.monotonic() + min(self._pause, self._round * RETENTION_SHARE)
        deleted = 0
        while True:
            bite = await self._store.expire_history(days=self._history_days, batch=BATCH)
            deleted += bite
            if bite < BATCH:
                self._swept = time.monotonic()
                return deleted
            if time.monotonic() >= until:
                return deleted

    def _give_up_lost_lease(self) -> None:
        """Other nodes now count our runs as lost, so they must not go on here."""
        if time.monotonic() - self._renewed > self._lease:
            for run_id in self._processor.run_ids:
                because = "The lease was lost: the database was away too long."
                # If nobody took the run over meanwhile, the next attempt is ours to ask for.
                self._processor.cancel(run_id, because, retry=True)
