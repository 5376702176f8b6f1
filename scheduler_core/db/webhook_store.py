"""Deliveries to a webhook: noted, taken by one process at a time, and settled. It sends nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One try that was taken; `attempts` counts it."""

    id: UUID
    run_id: UUID
    event: str
    attempts: int
    created_at: datetime


class WebhookStore:
    """One method per statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, events: Sequence[tuple[UUID, str]]) -> None:
        """Notes what is to be told: runs and the names of events. Twice is once."""
        sql = statement("webhook_add")
        run_ids, names = [run_id for run_id, _ in events], [name for _, name in events]
        async with self._database.connection() as connection:
            await connection.execute(sql.text, *sql.bind(run_ids=run_ids, events=names))

    async def take(self, *, batch: int, seconds: float) -> list[Delivery]:
        """Deliveries whose time has come, kept from other processes for so long."""
        sql = statement("webhook_take")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(batch=batch, seconds=seconds))
        return [Delivery(**dict(row)) for row in rows]

    async def settle(
        self, taken: Delivery, *, delivered: bool, error: str | None, retry_in: float | None
    ) -> None:
        """
        Args:
            retry_in: seconds until the next try; None for none.
        """
        sql = statement("webhook_settle")
        values = sql.bind(
            id=taken.id, attempts=taken.attempts, delivered=delivered, error=error, retry_in=retry_in
        )
        async with self._database.connection() as connection:
            await connection.execute(sql.text, *values)

    async def next_in(self) -> float | None:
        """Seconds until the next try, negative when it is late; None when nothing waits."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(statement("webhook_next").text)
        return seconds

    async def expire(self, *, days: int) -> None:
        """Forgets what ended longer ago."""
        sql = statement("webhook_expire")
        async with self._database.connection() as connection:
            await connection.execute(sql.text, *sql.bind(days=days))
