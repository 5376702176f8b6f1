"""What is made of rows is what the classes themselves would make."""

import copy
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.rows import RUN_COLUMNS, job_of, run_of
from scheduler_core.domain import Job, Run, RunMode, RunStatus, Trigger

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def row() -> dict[str, object]:
    known: dict[str, object] = dict.fromkeys(RUN_COLUMNS)
    return known | {
        "id": uuid4(),
        "job_type": "memory_decay",
        "bot_id": "nova",
        "status": "failed",
        "trigger": "manual",
        "mode": "dry_run",
        "scheduled_for": NOW,
        "coalesced": 2,
        "attempt": 1,
        "suspicious": ["61 % shorter"],
    }


def test_a_run_of_a_row_equals_one_that_its_class_made() -> None:
    given = row()
    made = Run(
        **given  # type: ignore[arg-type]
        | {
            "status": RunStatus.FAILED,
            "trigger": Trigger.MANUAL,
            "mode": RunMode.DRY_RUN,
            "suspicious": ("61 % shorter",),
        }
    )
    run = run_of(given)
    assert type(run) is Run
    assert run == made
    assert hash(run) == hash(made)
    assert repr(run) == repr(made)
    assert copy.copy(run) == made
    assert replace(run, attempt=2) == replace(made, attempt=2)


def test_it_can_no_more_be_changed_than_others() -> None:
    with pytest.raises(FrozenInstanceError):
        run_of(row()).attempt = 7  # type: ignore[misc]


async def test_a_job_has_every_field_of_its_row(database: Database) -> None:
    async with database.connection() as connection:
        found = await connection.fetchrow(
            "INSERT INTO scheduled_jobs (job_type, bot_id, cron) VALUES ('memory_decay', 'nova', '0 3 * * *')"
            " RETURNING *"
        )
    assert found is not None
    job = job_of(found)
    assert type(job) is Job
    assert {each.name: getattr(job, each.name) for each in fields(job)} == {
        each.name: found[each.name] for each in fields(Job)
    }
