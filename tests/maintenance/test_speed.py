"""Figures of profile maintenance at a tiny size, and that cost grows no faster than the attributes."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from benchmarks.maintenance.profiles import made_profile
from benchmarks.quality.measure import run_once, snapshot_of
from scheduler_core.db.profile_store import NewAttribute, Planned, ProfileStore, entity_named
from scheduler_core.domain import Entity
from scheduler_core.maintenance import profile_pass
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
            *("--entities", "20", "--recorded", "10", "--sizes", "50,500"),
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
    recorded = found["recorded first pass"]
    assert 0 < recorded["processor_milliseconds"] <= recorded["milliseconds"]


async def test_profiles_without_a_model_are_read_and_published_many_at_a_time(store: ProfileStore) -> None:
    entities = 200
    await fill(store, entities)
    sent: list[str] = []
    async with store._database.connection() as connection:  # what it sends is the subject
        connection.add_query_logger(lambda record: sent.append(record.query))
    outcome = await ProfileMaintenanceService(store=store, model=None).maintain_changed(run_id=None)
    assert outcome.changed == entities
    assert 10 < len(sent) < entities


async def test_one_that_moved_does_not_keep_the_others_of_its_page_from_being_published(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, 30)
    applied = ProfileStore.apply

    async def moved_first(self: ProfileStore, planned: Sequence[Planned], *, run_id: UUID | None) -> Any:
        if any(one.publication.entity.id == "7" for one in planned):
            await fill(store, 8, value="moved")
        return await applied(self, planned, run_id=run_id)

    monkeypatch.setattr(ProfileStore, "apply", moved_first)
    outcome = await ProfileMaintenanceService(store=store, model=None).maintain_changed(run_id=None)
    assert len(outcome.entities) == 30
    assert [one.entity for one in outcome.entities] == sorted(one.entity for one in outcome.entities)
    results = {one.entity: one.result for one in outcome.entities}
    assert results["user/7"] == "moved"
    assert results["user/8"] == "changed"


async def test_what_waited_for_a_slow_neighbour_is_read_again(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, 30)
    pages: list[int] = []
    snapshots = ProfileStore.snapshots

    async def counted(self: ProfileStore, entities: Sequence[Entity]) -> Any:
        pages.append(len(entities))
        if len(entities) > 1:
            monkeypatch.setattr(profile_pass, "AHEAD_SECONDS", 0.0)
        return await snapshots(self, entities)

    monkeypatch.setattr(ProfileStore, "snapshots", counted)
    outcome = await ProfileMaintenanceService(store=store, model=None).maintain_changed(run_id=None)
    assert [one.entity for one in outcome.entities] == sorted(f"user/{number}" for number in range(30))
    assert outcome.changed == 30
    # One of four was done, and the other three were read again.
    assert pages == [1, 4, *[1] * 28]


async def fill(store: ProfileStore, entities: int, *, value: str = "likes coffee") -> None:
    await store.add(
        [
            NewAttribute(entity=entity_named(f"user/{number}"), category="fact", key="note", value=value)
            for number in range(entities)
        ]
    )
