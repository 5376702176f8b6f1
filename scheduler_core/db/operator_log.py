"""What people did, newest first, and taking it back where that can be done.

Taking back is an action like any other: guarded by the state it expects, one transaction, with its own row
that says which action it undoes. What a run changed is taken back by a run, which `Operations.undo` adds.
"""

import json
from collections.abc import Mapping
from typing import Any

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.operations import Operations
from scheduler_core.db.rows import Row
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import RunMode, RunStatus
from scheduler_core.errors import NotFoundError, StateError
from scheduler_core.oversight import APPLIED_NOTHING, NAMED_BY_JOB, OperatorAction, applied_nothing

# Above every id there can be, and within bigint.
NEWEST = 2**63 - 1

# The settings of a job that an edit may have changed, as `details` holds them before and after.
SETTINGS = frozenset({"interval_minutes", "cron", "time_zone", "config_json"})

# Object ids are text that anybody may have written.
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

_MAKES_RUNS = frozenset({"force_run", "apply", "undo", "rollback", "retry"})
_CANNOT = {
    "cancel": "A cancelled run does not come back; run its job now instead.",
    "dry_run": "A dry run changed nothing.",
    "forget": "What was forgotten does not come back.",
    "publish": "Take all summaries back with: bawt-console adopt --unpublish",
    "unpublish": "Give them again with: bawt-console adopt --publish",
}


class OperatorLog:
    """Reads `operator_actions` and takes back what can be taken back.

    Args:
        actor: who takes back, as in `Operations`.
    """

    def __init__(self, database: Database, operations: Operations, *, actor: str) -> None:
        self._database = database
        self._operations = operations
        self._actor = storable(actor)

    async def actions(self, *, before: int | None = None, limit: int = 300) -> list[OperatorAction]:
        """One page, newest first; pass the last id of a page as `before` to get the next one."""
        listing = statement("list_actions")
        values = listing.bind(before=NEWEST if before is None else before, limit=limit)
        async with self._database.connection() as connection:
            return [action_of(row) for row in await connection.fetch(listing.text, *values)]

    async def undo_action(self, action_id: int) -> str:
        """Takes one action back; returns a sentence that says what was done.

        Raises:
            NotFoundError: there is no such action.
            StateError: it cannot be taken back, or the object is no longer as the action left it.
        """
        async with self._database.transaction() as connection:
            row = await self._locked(connection, action_id)
            action = action_of(row)
            if action.obstacle is not None:
                raise StateError(action.obstacle, "Nothing was changed.")
            if action.action in _MAKES_RUNS:
                run_id = action.run_id
            else:
                run_id = None
                await self._put_back(connection, action)
        if run_id is not None:
            # Its own guarded transaction: it looks at the run, not at this action.
            await self._operations.undo(run_id)
        return f"{action.undoing} Action {action.id} is taken back."

    async def _locked(self, connection: Connection, action_id: int) -> Row:
        """The action as it stands once nobody else can change its job any more."""
        await connection.execute(
            "SELECT FROM operator_actions a JOIN scheduled_jobs j"
            f" ON j.id = CASE WHEN a.object_id ~ '{_UUID}' THEN a.object_id::uuid END"
            " WHERE a.id = $1 AND a.object_type = 'job' FOR UPDATE OF j",
            action_id,
        )
        listing = statement("list_actions")
        row = await connection.fetchrow(listing.text, *listing.bind(before=action_id + 1, limit=1))
        if row is None or row["id"] != action_id:
            raise NotFoundError(f"There is no action {action_id}.", "It may have been deleted.")
        return row

    async def _put_back(self, connection: Connection, action: OperatorAction) -> None:
        if action.action in ("pause", "resume"):
            change = statement("set_enabled")
            enabled = action.action == "pause"
            reason = None if enabled else f"action {action.id} taken back"
            values = change.bind(job=action.job_id, enabled=enabled, actor=self._actor, reason=reason)
            name, details = ("resume" if enabled else "pause"), "{}"
        else:
            change = statement("undo_edit")
            before, after = edited(action.details)
            values = change.bind(job=action.job_id, before=json.dumps(before), after=json.dumps(after))
            name, details = action.action, json.dumps({"before": after, "after": before})
            reason = None
        if await connection.fetchrow(change.text, *values) is None:
            raise StateError("The job was changed since.", "Nothing was changed.")
        record = statement("record_undo")
        await connection.execute(
            record.text,
            *record.bind(actor=self._actor, action=name, reason=reason, details=details, undoes=action.id),
        )


def action_of(row: Row) -> OperatorAction:
    """A row of `list_actions`."""
    details = _object(row["details"])
    obstacle = _obstacle(row, details)
    undoes = details.get("undoes")
    return OperatorAction(
        id=row["id"],
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        object_type=row["object_type"],
        object_id=row["object_id"],
        object_name=row["object_name"] or "",
        reason=row["reason"],
        details=details,
        job_id=row["job_id"],
        run_id=row["run_id"],
        undoes=undoes if isinstance(undoes, int) else None,
        obstacle=obstacle,
        undoing="" if obstacle is not None else _undoing(row, details),
    )


def edited(details: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """The settings before and after an edit; both empty where the details do not hold them."""
    before, after = details.get("before"), details.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {}, {}
    changed = {name for name in SETTINGS & before.keys() & after.keys() if before[name] != after[name]}
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}


def _obstacle(row: Row, details: Mapping[str, object]) -> str | None:
    action = row["action"]
    if action in _CANNOT:
        return _CANNOT[action]
    if action in _MAKES_RUNS:
        return _obstacle_of_run(row, details)
    if row["object_type"] != "job":
        return "This kind of action cannot be taken back here."
    if row["job_id"] is None:
        return "The job was deleted."
    if row["newer_id"] is not None:
        return f"The job was changed since, by action {row['newer_id']} ({row['newer_action']})."
    if action in ("pause", "resume"):
        if row["enabled"] is (action == "resume"):
            return None
        return "The job is not paused any more." if action == "pause" else "The job is paused."
    before, after = edited(details)
    if not before:
        return "What was there before was not recorded."
    settings = _object(row["settings"])
    if any(settings.get(name) != value for name, value in after.items()):
        return "The job's settings were changed since."
    return None


def _obstacle_of_run(row: Row, details: Mapping[str, object]) -> str | None:
    runs = details.get("runs")
    if isinstance(runs, list) and len(runs) > 1:
        return f"It added {len(runs)} runs; undo them one by one."
    if row["run_id"] is None:
        return "The run it added is gone."
    if row["undone_by"] is not None:
        word = "was undone" if row["undone_status"] == RunStatus.SUCCESS else "is being undone"
        return f"The run {word} already."
    status = RunStatus(row["run_status"])
    if not status.is_final:
        return f"The run is not over: {status}."
    if status is RunStatus.SKIPPED:
        return "The run was skipped, so it changed nothing."
    if row["run_mode"] == RunMode.DRY_RUN:
        return "A dry run changed nothing."
    if row["left_plan"] and applied_nothing(RunMode(row["run_mode"]), status, row["run_type"]):
        return APPLIED_NOTHING
    return None


def _undoing(row: Row, details: Mapping[str, object]) -> str:
    action, name = row["action"], row["object_name"]
    if row["object_type"] not in NAMED_BY_JOB:
        name = row["object_id"]
    if action == "pause":
        return f"{name} is resumed."
    if action == "resume":
        return f"{name} is paused."
    if action in _MAKES_RUNS:
        short = str(row["run_id"])[:8]
        return f"A run is added that takes back what run {short} of {name} changed."
    before, _ = edited(details)
    return (
        f"{name} gets back: {', '.join(f'{key} {_shown(value)}' for key, value in sorted(before.items()))}."
    )


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def _object(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
