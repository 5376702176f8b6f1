"""One OpenTelemetry span a run, made after it ended, for hosts that have the library set up.

Nothing is configured here: without a tracer provider of the host's there are no spans, and without the
library nothing is imported. Attributes name the run, its job and its outcome, and quote nobody.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from scheduler_core.domain import Run, RunStatus

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


def host_tracer() -> "Tracer | None":
    """The host's tracer; None where nobody set a provider, for which the host has loaded the library."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return None
    return trace.get_tracer("scheduler_core")


class Spans:
    """Makes the spans."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer

    async def trace(self, runs: Sequence[Run]) -> None:
        """One span for each run that was started."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        for run in runs:
            if run.started_at is None or run.finished_at is None or run.status is RunStatus.SKIPPED:
                continue
            span = self._tracer.start_span(
                f"run {run.job_type}",
                kind=SpanKind.CONSUMER,
                start_time=_nanoseconds(run.started_at),
                attributes={
                    "bawt.run.id": str(run.id),
                    "bawt.job.id": str(run.job_id or ""),
                    "bawt.job.type": run.job_type,
                    "bawt.run.status": run.status.value,
                    "bawt.run.trigger": run.trigger.value,
                    "bawt.run.attempt": run.attempt,
                    "bawt.run.suspicious": bool(run.suspicious),
                },
            )
            if run.status is RunStatus.FAILED:
                span.set_status(Status(StatusCode.ERROR))
            span.end(end_time=_nanoseconds(run.finished_at))


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6) * 1000
