"""What a run changed, or what a dry run would change, whatever its job: for reading, never for applying.

A dry run's changes are in its plan. Of other runs each job type knows where its own are; one that has a plan
stored beside them is read like a dry run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from scheduler_core.db.database import Database
from scheduler_core.db.plan_store import PlanStore
from scheduler_core.db.profile_rows import sentence_json
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.db.statement import statement
from scheduler_core.domain import Change, JobType, ProfileVersion, Run, RunMode
from scheduler_core.errors import NotFoundError, StateError


class ChangeReader(Protocol):
    """Reads what a finished run of one job type changed."""

    async def changes(self, run: Run) -> Sequence[Change]: ...


class ProfileChanges:
    """Summaries before and after, sentence by sentence."""

    def __init__(self, store: ProfileStore) -> None:
        self._store = store

    async def changes(self, run: Run) -> Sequence[Change]:
        return [
            Change(
                object=str(change.after.entity),
                before=None if change.before is None else sentences_json(change.before),
                after=sentences_json(change.after),
                why=_versions(change.before, change.after),
            )
            for change in await self._store.changes_of_run(run.id)
        ]


class MemoryChanges:
    """Memories that went to the archive and are there still; of an undo, those that it gave back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._plans = PlanStore(database)

    async def changes(self, run: Run) -> Sequence[Change]:
        if run.mode is RunMode.UNDO:
            stored = await self._plans.find(run.id)
            if stored is None:
                raise NotFoundError(
                    "This undo left no list of what came back.", "Its result and its log say more."
                )
            return [change_of(item) for item in stored.plan.get("changes", ())]
        sql = statement("memory_changes_of_run")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(run_id=run.id))
        return [
            Change(
                object=f"memory/{row['bot_id']}/{row['id']}",
                before=row["content"],
                after=None,
                why="decayed" if row["merged_into"] is None else f"merged into {row['merged_into']}",
            )
            for row in rows
        ]


class RunChanges:
    """Finds the changes of any run.

    Args:
        readers: by job type; a type without one shows what its plans say.
    """

    def __init__(self, *, plans: PlanStore, readers: Mapping[str, ChangeReader]) -> None:
        self._plans = plans
        self._readers = readers

    async def of(self, run: Run) -> Sequence[Change]:
        """
        Raises:
            StateError: the plan of the dry run is gone.
            NotFoundError: runs of this type keep no record of what they change.
        """
        reader = self._readers.get(run.job_type)
        if run.mode is not RunMode.DRY_RUN and reader is not None:
            return await reader.changes(run)
        stored = await self._plans.find(run.id)
        if stored is not None:
            return [change_of(item) for item in stored.plan.get("changes", ())]
        if run.mode is not RunMode.DRY_RUN:
            raise NotFoundError(
                f"Runs of {run.job_type} keep no record of what they change.", "Its result may say."
            )
        if not run.status.is_final:
            raise StateError(f"The dry run is not over: {run.status}.", "Wait for it.")
        raise StateError(f"The dry run left no plan: {run.status}.", "Its log says why; or make a new one.")


def run_changes(database: Database) -> RunChanges:
    """Over one database, with a reader for each built-in job type that has one."""
    readers: dict[str, ChangeReader] = {
        JobType.PROFILE_MAINTENANCE: ProfileChanges(ProfileStore(database)),
        JobType.MEMORY_CONSOLIDATION: MemoryChanges(database),
        JobType.MEMORY_DECAY: MemoryChanges(database),
    }
    return RunChanges(plans=PlanStore(database), readers=readers)


def change_of(item: Mapping[str, Any]) -> Change:
    """One change of a stored plan."""
    return Change(
        object=str(item.get("object", "?")),
        before=item.get("before"),
        after=item.get("after"),
        why=str(item.get("why", "")),
    )


def sentences_json(version: ProfileVersion) -> list[dict[str, object]]:
    """The sentences of a version; the lines of a summary that came from elsewhere rest on nothing known."""
    if version.sentences:
        return [sentence_json(sentence) for sentence in version.sentences]
    lines = [line for line in version.summary.splitlines() if line]
    return [{"text": line, "category": "", "attribute_ids": []} for line in lines]


def _versions(before: ProfileVersion | None, after: ProfileVersion) -> str:
    return "first version" if before is None else f"version {before.version} → {after.version}"
