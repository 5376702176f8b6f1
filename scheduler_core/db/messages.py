"""PgQueuer as the carrier of messages, each of which names one run that may start now.

A message may be lost, doubled or late without harm: `job_runs` decides whether its run starts, and a waiting
run without a message gets another one. So the tables are not logged to disk. They live in a schema of their
own.

PgQueuer's statements are used on our connections and in our transactions, and not its QueueManager: taking a
message, starting its run and deleting the message is one commit here, so nobody who is killed holds a message
back. The QueueManager would commit in between, finish without a fence, and end with its connection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.notify import MESSAGE_CHANNEL
from scheduler_core.errors import ConfigError

if TYPE_CHECKING:
    from pgqueuer.models import Job
    from pgqueuer.queries import Queries

SCHEMA = "bawt_pgqueuer"

# Nothing stays picked beyond a transaction; only PgQueuer's own tools could leave something behind.
STALE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """One that was taken. `run_id` is None where somebody else's message lies in our queue."""

    run_id: UUID | None
    job: "Job"


def is_installed() -> bool:
    """Whether PgQueuer can be imported."""
    return find_spec("pgqueuer") is not None


def require_installed() -> None:
    """
    Raises:
        ConfigError: PgQueuer is not installed.
    """
    if not is_installed():
        raise ConfigError(
            "LLM_BAWT_TASK_QUEUE is pgqueuer, but PgQueuer is not installed.",
            "Install it with: pip install 'bawt-console[pgqueuer]'",
        )


class Messages:
    """PgQueuer's statements, run on whatever connection, and so in whatever transaction, they are given.

    Raises:
        ConfigError: PgQueuer is not installed.
    """

    def __init__(self) -> None:
        require_installed()
        from pgqueuer.adapters.persistence import qb

        settings = _names()
        self._builders = {
            "qbe": qb.QueryBuilderEnvironment(settings),
            "qbq": qb.QueryQueueBuilder(settings),
            "qbs": qb.QuerySchedulerBuilder(settings),
        }

    def on(self, connection: Connection) -> "Queries":
        """PgQueuer's own face on this connection."""
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        builders: Mapping[str, Any] = self._builders
        return Queries(AsyncpgDriver(connection), **builders)

    async def send(self, connection: Connection, runs: Sequence[tuple[UUID, str]]) -> int:
        """Adds a message for each run that has none, in the lane beside it; returns how many were added."""
        if not runs:
            return 0
        ids = await self.on(connection).enqueue(
            [lane for _, lane in runs],
            [run.bytes for run, _ in runs],
            [0] * len(runs),
            dedupe_key=[str(run) for run, _ in runs],
            on_conflict="skip",
        )
        return sum(added is not None for added in ids)

    async def take(
        self, connection: Connection, *, node: UUID, lanes: Sequence[str], most: int
    ) -> list[Message]:
        """Takes up to `most` messages of these lanes, oldest first."""
        from pgqueuer.models import QueueEntrypoint, QueueManagerId
        from pgqueuer.queries import EntrypointExecutionParameter

        jobs = await self.on(connection).dequeue(
            most,
            # Limits are ours, numbered slots in job_runs.
            {QueueEntrypoint(lane): EntrypointExecutionParameter(concurrency_limit=0) for lane in lanes},
            QueueManagerId(node),
            None,
            timedelta(seconds=STALE_SECONDS),
        )
        return [Message(_run_of(job.payload), job) for job in jobs]

    async def settle(
        self, connection: Connection, messages: Sequence[Message], *, started: frozenset[UUID]
    ) -> None:
        """Deletes messages that were taken; PgQueuer's log tells those that started a run from the others."""
        await self.on(connection).log_jobs(
            [
                (message.job, "successful" if message.run_id in started else "canceled", None)
                for message in messages
            ]
        )

    async def recall(self, connection: Connection, ids: Sequence[int]) -> None:
        """Cancels messages that nobody took yet."""
        from pgqueuer.models import JobId

        if ids:
            await self.on(connection).mark_job_as_cancelled([JobId(number) for number in ids])


def _names() -> Any:
    """What PgQueuer's tables are called, whatever its own variables in the environment say."""
    from pgqueuer.domain.settings import DBSettings, Durability
    from pgqueuer.models import Channel

    return DBSettings(
        prefix="",
        db_schema=SCHEMA,
        channel=Channel(MESSAGE_CHANNEL),
        trigger="tg_pgqueuer_changed",
        function="fn_pgqueuer_changed",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        statistics_table="pgqueuer_statistics",
        schedules_table="pgqueuer_schedules",
        queue_status_type="pgqueuer_status",
        # After a crash of the server they are empty, and every waiting run gets another message.
        durability=Durability.volatile,
        widen_id=True,
    )


def _run_of(payload: bytes | None) -> UUID | None:
    return UUID(bytes=payload) if payload is not None and len(payload) == 16 else None
