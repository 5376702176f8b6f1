"""Figures of profile maintenance at a tiny size, and that cost grows no faster than the attributes."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.maintenance.profiles import made_profile
from benchmarks.quality.measure import run_once, snapshot_of
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService
from tests.maintenance import models
from tests.maintenance.models import FakeModel

ROOT = Path(__file__).parents[2]


async def processor_seconds(size: int) -> float:
    """The least of three, because a busy machine only ever adds."""
    snapshot = snapshot_of(made_profile(size, 1))
    times: list[float] = []
    for _ in range(3):
        before = time.process_time()
        await run_once(snapshot, None)
        times.append(time.process_time() - before)
    return min(times)


async def test_ten_times_the_attributes_cost_about_ten_times_as_much() -> None:
    await processor_seconds(100)
    assert await processor_seconds(5_000) < 30 * await processor_seconds(500)


async def test_a_pass_over_unchanged_entities_asks_no_model(store: ProfileStore) -> None:
    await store.add(
        [
            NewAttribute(entity=entity_named(f"user/{number}"), category="fact", key="note", value=value)
            for number in range(20)
            for value in ("likes coffee", "loves coffee", "lives in Oslo")
        ]
    )
    model = FakeModel(models.perfect)
    service = ProfileMaintenanceService(store=store, model=model)
    await service.maintain_changed(run_id=None)
    assert model.requests
    model.requests.clear()

    outcome = await service.maintain_changed(run_id=None)

    assert model.requests == []
    assert outcome.is_unchanged


@pytest.mark.slow
def test_the_benchmark_prints_its_figures() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.maintenance", "profiles", "--json"),
            *("--entities", "20", "--sizes", "50,500"),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {result["name"]: result for result in json.loads(done.stdout)["results"]}
    assert found["unchanged pass"]["model_calls"] == 0
    assert found["pipeline of 50 attributes"]["milliseconds"]["p50"] > 0
