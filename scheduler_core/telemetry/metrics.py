"""The numbers that Prometheus reads, in a registry of their own. It listens nowhere and asks nobody.

Runs are counted by the node that finished them, so that sums over all nodes are right. What is true of the
whole installation (`..._state_*`) is told by every node alike; take the maximum. Labels hold job types,
statuses and model names, never a bot's or a person's name.
"""

import json
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scheduler_core.domain import Run, RunStatus, Trigger
from scheduler_core.telemetry.state import Health, State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_DURATIONS = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
_LATENESS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300)


class Metrics:
    """See the module."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = Counter(
            "llm_bawt_runs", "Runs that ended here.", ["job_type", "status"], registry=self.registry
        )
        self._suspicious = Counter(
            "llm_bawt_runs_suspicious",
            "Successes that look wrong.",
            ["job_type"],
            registry=self.registry,
        )
        self._missed = Counter(
            "llm_bawt_slots_missed",
            "Slots that passed while nobody could run them.",
            ["job_type"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "llm_bawt_run_duration_seconds",
            "How long successes and failures took.",
            ["job_type"],
            buckets=_DURATIONS,
            registry=self.registry,
        )
        self._lateness = Histogram(
            "llm_bawt_run_lateness_seconds",
            "From a slot to the start of its first attempt.",
            ["job_type"],
            buckets=_LATENESS,
            registry=self.registry,
        )
        self._tokens = Counter(
            "llm_bawt_model_tokens", "Tokens of models.", ["model", "direction"], registry=self.registry
        )
        self._model_seconds = Counter(
            "llm_bawt_model_seconds",
            "Time spent by models; tokens out divided by it are tokens a second.",
            ["model"],
            registry=self.registry,
        )
        self._gauges = {
            name: Gauge(f"llm_bawt_state_{name}", words, registry=self.registry)
            for name, words in _STATE.items()
        }
        self._healthy = Gauge(
            "llm_bawt_healthy", "1 if the health answer is green, else 0.", registry=self.registry
        )

    async def count(self, runs: Sequence[Run]) -> None:
        """Counts runs that ended."""
        for run in runs:
            self._runs.labels(run.job_type, run.status.value).inc()
            if run.suspicious:
                self._suspicious.labels(run.job_type).inc()
            if run.coalesced and run.attempt == 1:
                self._missed.labels(run.job_type).inc(run.coalesced)
            if run.status in (RunStatus.SUCCESS, RunStatus.FAILED) and run.duration_ms is not None:
                self._durations.labels(run.job_type).observe(run.duration_ms / 1000)
                self._time(run)
            self._count_tokens(run)

    def show(self, state: State, health: Health) -> None:
        """Takes over what is true now."""
        for name, gauge in self._gauges.items():
            gauge.set(getattr(state, name))
        self._healthy.set(health.is_good)

    def show_trouble(self) -> None:
        """Nothing is known now; the last numbers stay, and the health does not."""
        self._healthy.set(0)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _time(self, run: Run) -> None:
        if run.trigger is Trigger.SCHEDULE and run.attempt == 1 and run.started_at is not None:
            seconds = (run.started_at - run.scheduled_for).total_seconds()
            self._lateness.labels(run.job_type).observe(max(0.0, seconds))

    def _count_tokens(self, run: Run) -> None:
        try:
            use = json.loads(run.result_json or "{}")["model"]
            model = str(use["name"])
            tokens_in, tokens_out, seconds = (
                float(use[name]) for name in ("tokens_in", "tokens_out", "seconds")
            )
        except (ValueError, KeyError, TypeError):
            # No model was asked, or a host's own type writes results of its own.
            return
        if min(tokens_in, tokens_out, seconds) >= 0:
            self._tokens.labels(model, "in").inc(tokens_in)
            self._tokens.labels(model, "out").inc(tokens_out)
            self._model_seconds.labels(model).inc(seconds)


_STATE = {
    "queue_depth": "Runs that wait although they may start.",
    "running": "Runs in hand on any node.",
    "jobs_due": "Jobs whose slot came and is not claimed.",
    "oldest_due_seconds": "How long the oldest of these has waited.",
    "nodes": "Nodes that hold a lease.",
    "database_bytes": "Size of the database.",
    "connections": "Connections to the database.",
    "most_connections": "Connections the server allows.",
}
