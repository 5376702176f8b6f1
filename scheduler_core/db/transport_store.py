"""The job store where runs are started by workers elsewhere: schedulers send messages, workers take them.

Sending is one transaction with claiming, and taking is one with starting. No more messages are on their way
than the workers could take at once, so that order and fairness are still decided in `job_runs`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore, started_of
from scheduler_core.db.job_values import Claim, CronSlot, StartedRun
from scheduler_core.db.messages import Messages
from scheduler_core.db.statement import statement
from scheduler_core.errors import DatabaseError

SEND_BATCH = 500
RECALL_BATCH = 500
LOG_HOURS = 1

# One sender at a time, or two would send the same runs and wait for each other half-way.
_SENDING = 0x6C6C6D5F73656E64


@asynccontextmanager
async def transaction_of(database: Database) -> AsyncIterator[Connection]:
    """A transaction in which PgQueuer's tables may turn out to be newer than when it was last looked at."""
    try:
        async with database.transaction() as connection:
            yield connection
    except asyncpg.InvalidCachedStatementError as error:
        raise DatabaseError("PgQueuer's tables were upgraded.", "It is tried again by itself.") from error


class SendingStore(JobStore):
    """What a scheduler claims by: nothing starts here, and waiting runs get messages instead."""

    def __init__(self, database: Database, *, node_id: UUID, messages: Messages) -> None:
        super().__init__(database, node_id=node_id)
        self._messages = messages

    async def claim_due(
        self,
        *,
        batch: int,
        per_bot_types: Sequence[str],
        bots: Sequence[str],
        direct_types: Sequence[str] = (),
        capacity: int = 0,
        until: datetime | None = None,
    ) -> Claim:
        """As in `JobStore`, but nothing starts: `direct_types` and `capacity` do not matter."""
        try:
            async with transaction_of(self._database) as connection:
                return await self._claim(connection, batch, per_bot_types, bots, (), 0, {}, until=until)
        except asyncpg.UniqueViolationError as error:
            return await self._overtaken(error)

    async def start_pending(
        self,
        *,
        limits: Mapping[str, int | None],
        capacity: int,
        on_held: Callable[[Sequence[UUID]], None] = lambda ids: None,
    ) -> list[StartedRun]:
        """Sends messages for waiting runs that lack one; none is returned, because they start elsewhere."""
        async with transaction_of(self._database) as connection:
            await self._send(connection)
        return []

    async def held_runs(self, *, known: Sequence[UUID]) -> list[StartedRun]:
        """A scheduler holds none."""
        return []

    async def _claim(
        self,
        connection: Connection,
        batch: int,
        per_bot_types: Sequence[str],
        bots: Sequence[str],
        direct_types: Sequence[str],
        capacity: int,
        cron: Mapping[UUID, CronSlot],
        *,
        until: datetime | None = None,
    ) -> Claim:
        claim = await super()._claim(
            connection, batch, per_bot_types, bots, direct_types, capacity, cron, until=until
        )
        if claim.pending:
            await self._send(connection)
        return claim

    async def _send(self, connection: Connection) -> int:
        find = statement("pgqueuer/sendable")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _SENDING)
        rows = await connection.fetch(find.text, *find.bind(most=SEND_BATCH))
        return await self._messages.send(connection, [(row["id"], row["entrypoint"]) for row in rows])


class WorkerStore(JobStore):
    """What a node of this transport works by, whatever its role.

    Args:
        limits: of the job types that it can do.
    """

    def __init__(
        self, database: Database, *, node_id: UUID, messages: Messages, limits: Mapping[str, int | None]
    ) -> None:
        super().__init__(database, node_id=node_id)
        self._messages = messages
        self._limits = limits

    async def take(self, *, models: Sequence[str], most: int) -> tuple[list[StartedRun], int]:
        """Takes up to `most` messages and starts their runs, all of it or nothing.

        Args:
            models: those of this node, in lower case.

        Returns:
            The runs this node now holds, and how many messages there were.

        Raises:
            asyncpg.UniqueViolationError: another node took the same concurrency slot; look again.
        """
        lanes = [*self._limits, *(f"{name}@{model}" for name in self._limits for model in models)]
        start = statement("pgqueuer/start_sent")
        async with transaction_of(self._database) as connection:
            taken = await self._messages.take(connection, node=self._node_id, lanes=lanes, most=most)
            if not taken:
                return [], 0
            values = start.bind(
                job_types=list(self._limits),
                limits=list(self._limits.values()),
                ids=[message.run_id for message in taken if message.run_id is not None],
                node=self._node_id,
            )
            rows = await connection.fetch(start.text, *values)
            started = frozenset(row["id"] for row in rows)
            await self._messages.settle(connection, taken, started=started)
        return [started_of(row) for row in rows], len(taken)

    async def recall(self) -> int:
        """Cancels messages whose run waits no longer; the run itself says why. Returns how many."""
        find = statement("pgqueuer/recallable")
        async with transaction_of(self._database) as connection:
            rows = await connection.fetch(find.text, *find.bind(most=RECALL_BATCH))
            await self._messages.recall(connection, [row["id"] for row in rows])
        return len(rows)

    async def expire_history(self, *, days: int, batch: int) -> int:
        """As in `JobStore`, and PgQueuer's own log and statistics go too."""
        deleted = await super().expire_history(days=days, batch=batch)
        async with self._database.connection() as connection:
            for name in ("pgqueuer/prune_log", "pgqueuer/prune_statistics"):
                prune = statement(name)
                # Three rows a run, kept an hour: much more than a batch may have come since the last time.
                done = await connection.execute(prune.text, *prune.bind(hours=LOG_HOURS, batch=100 * batch))
                deleted = max(deleted, min(batch, int(done.rpartition(" ")[2])))
        return deleted
