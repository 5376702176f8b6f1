"""The plans of dry runs: kept beside the run, read by the run that applies them, gone with the history.

A plan is one JSON object. Its `changes` list has one object for each thing that would change, with `object`
(its name), `before`, `after` and `why`; whatever else applying needs stands beside them. Nothing here knows
what a plan means.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.errors import RunError, StateError

# Characters; far below what one value of the database may hold.
LONGEST_PLAN = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan as it was stored; `applied_by` is the run that applied it."""

    run_id: UUID
    plan: Mapping[str, Any]
    applied_by: UUID | None


class PlanStore:
    """Reads plans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, run_id: UUID) -> StoredPlan | None:
        """The plan of a dry run; None if it stored none or expired with the history."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT plan::text AS plan, applied_by FROM run_plans WHERE run_id = $1", run_id
            )
        if row is None:
            return None
        return StoredPlan(run_id=run_id, plan=json.loads(row["plan"]), applied_by=row["applied_by"])

    async def read(self, run_id: UUID | None) -> StoredPlan:
        """
        Raises:
            StateError: there is no plan.
        """
        found = None if run_id is None else await self.find(run_id)
        if found is None:
            raise StateError(f"The plan of the dry run {run_id} is gone.", "Make a new dry run.")
        return found


async def save_plans(connection: Connection, plans: Mapping[UUID, str]) -> None:
    """Stores the plans of runs; call it in the transaction that records their success."""
    save = statement("save_plans")
    await connection.execute(save.text, *save.bind(ids=list(plans), plans=list(plans.values())))


async def mark_applied(connection: Connection, plan_of: UUID, *, by: UUID) -> None:
    """Takes a plan for one run; call it in the transaction that makes the plan's changes.

    Raises:
        StateError: another run applied it, or it is gone.
    """
    taken = await connection.execute(
        "UPDATE run_plans SET applied_by = $2 WHERE run_id = $1 AND applied_by IS NULL", plan_of, by
    )
    if taken == "UPDATE 0":
        raise StateError(f"The dry run {plan_of} was applied already.", "Make a new dry run.")


def plan_text(plan: Mapping[str, Any]) -> str:
    """The plan as JSON that PostgreSQL can hold.

    Raises:
        TypeError, ValueError: a value has no JSON form.
        RunError: it is longer than `LONGEST_PLAN`.
    """
    text = json.dumps(_storable(plan), ensure_ascii=False, allow_nan=False)
    if len(text) > LONGEST_PLAN:
        raise RunError(
            f"The plan is longer than {LONGEST_PLAN >> 20} million characters.",
            "Narrow the job down, for example to one entity, with its config_json.",
            retryable=False,
        )
    return text


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value
