"""What a console counts and foresees: charts of the past, and the forecast.

A part of `Source`, which forwards to the stores and keeps no state of its own.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.metrics import Metrics
from scheduler_core.figures import Forecast, Outlook, RunChart


class Measures(Protocol):
    """Every method may raise a SchedulerError."""

    async def chart(
        self, *, since: datetime, step: timedelta, steps: int, job_id: UUID | None = None
    ) -> RunChart:
        """The runs in steps of equal length; of one job, or of all."""
        ...

    async def forecast(self) -> Forecast:
        """The next 24 hours."""
        ...


class DatabaseMeasures:
    """The metrics of one database behind `Measures`.

    Args:
        bots: as for `Metrics`.
    """

    def __init__(self, database: Database, *, bots: Sequence[str] | None = None) -> None:
        self._metrics = Metrics(database, bots=bots)
        self.chart = self._metrics.chart

    async def forecast(self) -> Forecast:
        outlook = await self._metrics.outlook()
        # Ten thousand runs take half a second, which no screen may wait for.
        return await asyncio.to_thread(_predicted, outlook)


def _predicted(outlook: Outlook) -> Forecast:
    # Not at the top: cron expressions are read by nobody who only looks at helps.
    from scheduler_core.jobs.forecast import predict

    return predict(outlook)
