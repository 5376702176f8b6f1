"""What Prometheus, health checks and tracers get to know, over HTTP from a whole node."""

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client.parser import text_string_to_metric_families

from scheduler_core.db.database import Database
from scheduler_core.domain import RunStatus
from scheduler_core.errors import ConfigError, RunError
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult
from scheduler_core.telemetry.endpoint import listening
from scheduler_core.telemetry.metrics import Metrics
from scheduler_core.telemetry.spans import Spans, host_tracer
from scheduler_core.telemetry.state import Health, State, judge, read_state
from tests.ports import free_port
from tests.telemetry.receiver import receiving
from tests.telemetry.test_webhook import a_run

# psutil carries no types.
_processes: Any = psutil

FINE = State(
    queue_depth=0,
    running=1,
    jobs_due=0,
    oldest_due_seconds=0.0,
    nodes=2,
    database_bytes=1,
    connections=3,
    most_connections=100,
)


async def get(url: str) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(ask)


def numbers(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_node_tells_what_it_ran_and_that_it_is_well(database_url: str, tmp_path: Path) -> None:
    async def work(task: Task, context: TaskContext) -> TaskResult:
        if task.bot_id == "bad":
            raise RunError("No luck.", retryable=False)
        use = {"name": "tiny", "tokens_in": 300, "tokens_out": 40, "seconds": 4.0}
        return TaskResult(result={"model": use}, suspicious=("too short",))

    port = free_port()
    settings = Settings(database_url=database_url, data_dir=tmp_path, metrics_port=port)  # type: ignore[arg-type]
    kind = JobKind(name="nap", handler=work)
    async with open_runtime(settings, kinds=[kind], watch=False) as runtime:
        async with runtime.database.connection() as connection:
            for bot in ("good", "bad"):
                await connection.execute(
                    "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes) VALUES ('nap', $1, 60)",
                    bot,
                )
        await runtime.run_due()
        found: dict[tuple[str, ...], float] = {}
        async with asyncio.timeout(20):
            while not (
                found.get(("llm_bawt_runs_total", "nap", "failed")) and found.get(("llm_bawt_healthy",))
            ):
                status, text = await get(f"http://127.0.0.1:{port}/metrics")
                assert status == 200
                found = numbers(text)
        assert found["llm_bawt_runs_total", "nap", "success"] == 1
        assert found["llm_bawt_runs_suspicious_total", "nap"] == 1
        assert found["llm_bawt_run_duration_seconds_count", "nap"] == 2
        assert found["llm_bawt_run_lateness_seconds_count", "nap"] == 2
        assert found["llm_bawt_model_tokens_total", "out", "tiny"] == 40
        assert found["llm_bawt_model_seconds_total", "tiny"] == 4
        assert found["llm_bawt_state_nodes",] == 1
        assert "good" not in text
        status, text = await get(f"http://127.0.0.1:{port}/health")
        assert (status, json.loads(text)) == (200, {"healthy": True, "troubles": []})
        assert (await get(f"http://127.0.0.1:{port}/"))[0] == 404
    with pytest.raises(OSError):
        await get(f"http://127.0.0.1:{port}/health")


async def test_no_port_is_opened_unless_asked_for(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path)  # type: ignore[arg-type]

    def sockets() -> int:
        found = _processes.Process().net_connections("inet")
        return sum(each.status == _processes.CONN_LISTEN for each in found)

    before = sockets()
    async with open_runtime(settings):
        assert sockets() == before


async def test_a_port_that_is_taken_is_one_sentence(database_url: str, tmp_path: Path) -> None:
    with listening("127.0.0.1", 0, lambda path: None) as port:
        settings = Settings(database_url=database_url, data_dir=tmp_path, metrics_port=port)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="cannot be served"):
            async with open_runtime(settings):
                pass


def test_health_is_red_when_nothing_is_claimed_though_due() -> None:
    assert judge(FINE, age=1, patience=45).is_good
    stuck = replace(FINE, jobs_due=3, oldest_due_seconds=50.0)
    assert judge(stuck, age=1, patience=45).troubles == (
        "3 due and nothing is claimed; the oldest slot waits since 50 s.",
    )
    assert judge(replace(stuck, oldest_due_seconds=40.0), age=1, patience=45).is_good
    assert not judge(replace(FINE, nodes=0), age=1, patience=45).is_good
    assert not judge(FINE, age=46, patience=45).is_good
    assert not judge(None, age=0, patience=45).is_good


async def test_the_state_is_read_from_the_database(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO scheduled_jobs (job_type, interval_minutes, next_run_at) VALUES"
            " ('a', 5, now() - interval '2 minutes'), ('b', 5, now() + interval '1 minute')"
        )
    await a_run(database, RunStatus.PENDING, started_at=None, finished_at=None, duration_ms=None)
    state = await read_state(database)
    assert (state.jobs_due, state.queue_depth, state.running, state.nodes) == (1, 1, 0, 0)
    assert 119 < state.oldest_due_seconds < 180
    assert state.database_bytes > 1_000_000


async def test_numbers_stay_while_the_health_goes(database: Database) -> None:
    metrics = Metrics()
    await metrics.count([await a_run(database)])
    metrics.show(FINE, Health(troubles=()))
    metrics.show_trouble()
    found = numbers(metrics.text().decode())
    assert found["llm_bawt_healthy",] == 0
    assert found["llm_bawt_state_nodes",] == 2
    assert found["llm_bawt_runs_total", "profile_maintenance", "failed"] == 1


@pytest.mark.parametrize("result", ["null", "[]", '{"model": 3}', '{"model": {"name": "x"}}', "rubbish"])
async def test_results_of_other_shapes_count_no_tokens(database: Database, result: str) -> None:
    metrics = Metrics()
    run = replace(await a_run(database, RunStatus.SUCCESS), result_json=result)
    await metrics.count([run])
    assert not any("tokens" in name[0] and len(name) > 1 for name in numbers(metrics.text().decode()))


async def test_each_run_is_a_span_for_a_host_that_traces(database: Database) -> None:
    assert host_tracer() is None, "no provider of the host's"
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    run = await a_run(database)
    skipped = await a_run(database, RunStatus.SKIPPED, reason="unchanged")
    await Spans(provider.get_tracer("tests")).trace([run, skipped])
    [span] = spans.get_finished_spans()
    assert span.name == "run profile_maintenance"
    assert span.status.status_code is StatusCode.ERROR
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 2_000_000_000
    assert span.attributes is not None
    assert span.attributes["bawt.run.id"] == str(run.id)


async def test_a_whole_node_tells_its_webhook_of_a_failure(database_url: str, tmp_path: Path) -> None:
    async def fail(task: Task, context: TaskContext) -> TaskResult:
        raise RunError("No luck.", retryable=False)

    with receiving() as receiver:
        settings = Settings(
            database_url=database_url,  # type: ignore[arg-type]
            data_dir=tmp_path,
            webhook_url=receiver.url,  # type: ignore[arg-type]
        )
        async with open_runtime(settings, kinds=[JobKind(name="nap", handler=fail)]) as runtime:
            async with runtime.database.connection() as connection:
                await connection.execute(
                    "INSERT INTO scheduled_jobs (job_type, interval_minutes) VALUES ('nap', 60)"
                )
            async with asyncio.timeout(20):
                await asyncio.to_thread(receiver.something.wait)
    assert json.loads(receiver.heard[0].body)["data"]["job_type"] == "nap"
