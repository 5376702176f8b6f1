"""Puts the telemetry of one node together: what to count, serve and send, as the settings say."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.webhook_store import WebhookStore
from scheduler_core.errors import ConfigError, DatabaseError
from scheduler_core.settings import Settings
from scheduler_core.telemetry.endpoint import Answer, json_answer, listening
from scheduler_core.telemetry.finished import FinishedRuns, Sink
from scheduler_core.telemetry.spans import Spans, host_tracer
from scheduler_core.telemetry.state import Health, State, judge, read_state
from scheduler_core.telemetry.webhook import Webhook

if TYPE_CHECKING:
    from scheduler_core.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
# A slot may wait this long beyond a whole look for due jobs before nothing can be said to be wrong.
PATIENCE_SECONDS = 15.0


class Telemetry:
    """What watches one node.

    Args:
        sinks: get every run that ended here.
        metrics: None where no numbers are wanted.
        webhook: None where nobody is to be told.
        patience: see `judge`.
    """

    def __init__(
        self,
        database: Database,
        *,
        sinks: Sequence[Sink],
        metrics: "Metrics | None",
        webhook: Webhook | None,
        patience: float,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._webhook = webhook
        self._patience = patience
        self._state: State | None = None
        self._read_at = time.monotonic()
        self._finished = FinishedRuns(History(database), sinks) if sinks else None

    @property
    def health(self) -> Health:
        """How things are now; may be asked from any thread."""
        return judge(self._state, age=time.monotonic() - self._read_at, patience=self._patience)

    def tell(self, run_ids: Sequence[UUID]) -> None:
        """Notes that these runs ended here."""
        if self._finished is not None:
            self._finished.tell(run_ids)

    async def run(self) -> None:
        """Reads what it tells, for ever."""
        async with asyncio.TaskGroup() as group:
            if self._finished is not None:
                group.create_task(self._finished.run(), name="finished runs")
            if self._metrics is not None:
                group.create_task(self._keep_state(self._metrics), name="state")
            if self._webhook is not None:
                group.create_task(self._webhook.run(), name="webhook")

    async def flush(self) -> None:
        """Hands out what ended last; for the time when the loops are over."""
        if self._finished is not None:
            await self._finished.run_once()

    def answer(self, path: str) -> Answer | None:
        """For `listening`; called on its threads."""
        assert self._metrics is not None
        if path == "/metrics":
            from scheduler_core.telemetry.metrics import CONTENT_TYPE

            if not self.health.is_good:
                self._metrics.show_trouble()
            return HTTPStatus.OK, CONTENT_TYPE, self._metrics.text()
        if path == "/health":
            health = self.health
            status = HTTPStatus.OK if health.is_good else HTTPStatus.SERVICE_UNAVAILABLE
            return json_answer(status, {"healthy": health.is_good, "troubles": health.troubles})
        return None

    async def _keep_state(self, metrics: "Metrics") -> None:
        while True:
            try:
                self._state = await read_state(self._database)
                self._read_at = time.monotonic()
                metrics.show(self._state, self.health)
            except DatabaseError as error:
                log.debug("The state cannot be read [%s]", error.error_id)
            await asyncio.sleep(REFRESH_SECONDS)


@asynccontextmanager
async def open_telemetry(database: Database, settings: Settings) -> AsyncIterator[Telemetry | None]:
    """What the settings and the host ask for, listening while inside; None where that is nothing.

    Raises:
        ConfigError: a library is missing, or the address cannot be had.
    """
    sinks: list[Sink] = []
    metrics = None
    if settings.metrics_port:
        metrics = _metrics()
        sinks.append(metrics.count)
    webhook = None
    if url := settings.webhook_url.get_secret_value():
        webhook = Webhook(
            WebhookStore(database),
            History(database),
            url=url,
            secret=settings.webhook_secret.get_secret_value(),
            wanted=settings.webhook_events,
        )
        sinks.append(webhook.note)
    if (tracer := host_tracer()) is not None:
        sinks.append(Spans(tracer).trace)
    if not sinks:
        yield None
        return
    patience = settings.scheduler_check_interval_seconds + PATIENCE_SECONDS
    telemetry = Telemetry(database, sinks=sinks, metrics=metrics, webhook=webhook, patience=patience)
    with ExitStack() as stack:
        if metrics is not None:
            port = stack.enter_context(
                listening(settings.metrics_host, settings.metrics_port, telemetry.answer)
            )
            log.info("Metrics at http://%s:%d/metrics, health beside them.", settings.metrics_host, port)
        yield telemetry


def _metrics() -> "Metrics":
    try:
        from scheduler_core.telemetry.metrics import Metrics
    except ImportError:
        raise ConfigError(
            "Metrics need the package prometheus-client.",
            "Install it with: pip install 'bawt-console[metrics]'",
        ) from None
    return Metrics()
