"""What a person does to jobs and runs. Each action is one transaction with its audit row.

Every change is guarded by the state it expects; when another console was faster, nothing changes and a
StateError says what is the case now.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.rows import Row, job_of, run_of
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import Job, Run, RunMode, RunStatus
from scheduler_core.errors import NotFoundError, StateError
from scheduler_core.job_settings import JobSettings
from scheduler_core.oversight import APPLIED_NOTHING, applied_nothing


class Operations:
    """Actions under one name.

    Args:
        actor: who acts, as the audit shows it, such as `ada@attic`.
        per_bot_types: job types of which `*` means one run for each bot.
        extra_bots: bots known from settings or the host, beside those in the database.
    """

    def __init__(
        self,
        database: Database,
        *,
        actor: str,
        per_bot_types: Sequence[str] = (),
        extra_bots: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._actor = storable(actor)
        self._per_bot_types = list(per_bot_types)
        self._extra_bots = list(extra_bots)

    async def force_run(self, job_id: UUID, *, dry_run: bool = False) -> list[Run]:
        """Adds a waiting run now, one for each bot where `*` means that; the schedule stays.

        Args:
            dry_run: it stores what it would change and changes nothing.

        Raises:
            NotFoundError: there is no such job.
            StateError: a run of this job already waits to start, or no bot is known to run it for.
        """
        async with self._database.transaction() as connection:
            return await self.force_run_within(connection, job_id, dry_run=dry_run)

    async def force_run_within(
        self, connection: Connection, job_id: UUID, *, dry_run: bool = False
    ) -> list[Run]:
        """`force_run` as a part of somebody's transaction."""
        force = statement("force_run")
        mode = RunMode.DRY_RUN if dry_run else RunMode.RUN
        values = force.bind(
            job=job_id, bots=self._extra_bots, per_bot_types=self._per_bot_types, mode=str(mode)
        )
        await self._require_job(connection, job_id)
        runs = [run_of(row) for row in await connection.fetch(force.text, *values)]
        if not runs:
            raise await self._why_not_forced(connection, job_id)
        action = "dry_run" if dry_run else "force_run"
        await self._record(connection, action, "job", job_id, runs=[str(run.id) for run in runs])
        return runs

    async def pause(self, job_id: UUID, *, reason: str | None = None) -> Job:
        """Stops new slots at once; a running run goes on.

        Raises:
            NotFoundError: there is no such job.
            StateError: the job is paused already.
        """
        async with self._database.transaction() as connection:
            return await self.set_enabled_within(connection, job_id, enabled=False, reason=reason)

    async def resume(self, job_id: UUID) -> Job:
        """Lets the schedule go on; slots missed while paused become one run.

        Raises:
            NotFoundError: there is no such job.
            StateError: the job is not paused.
        """
        async with self._database.transaction() as connection:
            return await self.set_enabled_within(connection, job_id, enabled=True, reason=None)

    async def edit(self, job_id: UUID, settings: JobSettings, *, seen: JobSettings) -> Job:
        """Gives a job new settings; what it had goes into the audit, which can give it back.

        Args:
            settings: checked by `jobs.schedule_edit`; the database refuses only what it could not store.
            seen: what the editor started from.

        Raises:
            NotFoundError: there is no such job.
            StateError: somebody changed the settings meanwhile, or nothing is different.
        """
        if settings == seen:
            raise StateError("These are the settings the job has.", "Nothing was changed.")
        edit = statement("edit_job")
        values = edit.bind(
            job=job_id, **asdict(settings), **{f"seen_{name}": value for name, value in asdict(seen).items()}
        )
        async with self._database.transaction() as connection:
            await self._require_job(connection, job_id)
            row = await connection.fetchrow(edit.text, *values)
            if row is None:
                raise StateError("The job's settings were changed meanwhile.", "Look at them again.")
            old, new = asdict(seen), asdict(settings)
            changed = [name for name in old if old[name] != new[name]]
            before, after = {name: old[name] for name in changed}, {name: new[name] for name in changed}
            await self._record(connection, "edit", "job", job_id, before=before, after=after)
        return job_of(row)

    async def retry(self, run_id: UUID) -> Run:
        """Adds one more attempt at a failed run, now; a waiting attempt is brought forward instead.

        Raises:
            NotFoundError: there is no such run.
            StateError: the run did not fail, its job was deleted, or a run of the job waits.
        """
        retry = statement("retry_run")
        async with self._database.transaction() as connection:
            source = await connection.fetchrow(
                "SELECT status, job_id FROM job_runs WHERE id = $1 FOR NO KEY UPDATE", run_id
            )
            if source is None:
                raise NotFoundError(f"There is no run {run_id}.", "List them with: bawt-console runs list")
            if source["status"] != RunStatus.FAILED:
                raise StateError(f"The run did not fail: {source['status']}.", "Run its job now instead.")
            if source["job_id"] is None:
                raise StateError("The job of this run was deleted.", "There is nothing to run.")
            row = await connection.fetchrow(retry.text, *retry.bind(run=run_id))
            if row is None:
                raise StateError("A run of this job already waits to start.", "Watch it on the Runs screen.")
            await self._record(connection, "retry", "run", run_id, run=str(row["id"]))
        return run_of(row)

    async def cancel(self, run_id: UUID) -> Run:
        """Ends a waiting run now, and asks the node of a running one to stop it.

        Raises:
            NotFoundError: there is no such run.
            StateError: the run is over.
        """
        async with self._database.transaction() as connection:
            for name in ("cancel_pending", "cancel_running"):
                cancel = statement(name)
                values = cancel.bind(run=run_id, actor=self._actor)
                row = await connection.fetchrow(cancel.text, *values)
                if row is not None:
                    await self._record(connection, "cancel", "run", run_id)
                    return run_of(row)
            status = await connection.fetchval("SELECT status FROM job_runs WHERE id = $1", run_id)
        if status is None:
            raise NotFoundError(f"There is no run {run_id}.", "List them with: bawt-console runs list")
        raise StateError(f"The run is over: {status}.", "Only waiting and running ones can be cancelled.")

    async def apply(self, run_id: UUID) -> Run:
        """Adds a waiting run that does exactly what a dry run planned.

        Raises:
            NotFoundError: there is no such run.
            StateError: it is not a dry run that succeeded, its plan is gone or was applied, or a run of the
                job waits to start.
        """
        return await self._follow(run_id, RunMode.APPLY)

    async def undo(self, run_id: UUID) -> Run:
        """Adds a waiting run that takes back everything a run changed. A failed run may have changed things
        before it failed, so it can be undone too; undoing an undo does the thing again.

        Raises:
            NotFoundError: there is no such run.
            StateError: the run is not over or changed nothing, it was undone, or a run of the job waits.
        """
        return await self._follow(run_id, RunMode.UNDO)

    async def _follow(self, run_id: UUID, mode: RunMode) -> Run:
        follow, find = statement("follow_run"), statement("followed_run")
        async with self._database.transaction() as connection:
            # So that of two people who do the same at once the second one is told.
            await connection.execute("SELECT FROM job_runs WHERE id = $1 FOR NO KEY UPDATE", run_id)
            source = await connection.fetchrow(find.text, *find.bind(run=run_id, mode=str(mode)))
            if source is None:
                raise NotFoundError(f"There is no run {run_id}.", "List them with: bawt-console runs list")
            trouble = _why_not_followed(source, mode)
            if trouble is not None:
                raise trouble
            row = await connection.fetchrow(follow.text, *follow.bind(run=run_id, mode=str(mode)))
            if row is None:
                raise StateError(
                    "A run of this job already waits to start.", "Try again when it is over, or cancel it."
                )
            await self._record(connection, str(mode), "run", run_id, run=str(row["id"]))
        return run_of(row)

    async def set_enabled_within(
        self, connection: Connection, job_id: UUID, *, enabled: bool, reason: str | None
    ) -> Job:
        """`resume` or `pause` as a part of somebody's transaction."""
        change = statement("set_enabled")
        reason = None if reason is None else storable(reason)
        values = change.bind(job=job_id, enabled=enabled, actor=self._actor, reason=reason)
        await self._require_job(connection, job_id)
        row = await connection.fetchrow(change.text, *values)
        if row is None:
            raise StateError(
                "The job is not paused." if enabled else "The job is paused already.",
                "Nothing was changed.",
            )
        await self._record(connection, "resume" if enabled else "pause", "job", job_id, reason=reason)
        return job_of(row)

    async def _why_not_forced(self, connection: Connection, job_id: UUID) -> StateError:
        without_bots = await connection.fetchval(
            "SELECT bot_id = '*' AND job_type = ANY ($2::text[]) AND NOT EXISTS (SELECT FROM bawt_bots())"
            " FROM scheduled_jobs WHERE id = $1",
            job_id,
            self._per_bot_types,
        )
        if without_bots and not self._extra_bots:
            return StateError(
                "No bot is known, so there is nothing to run this job for.", "Name some with LLM_BAWT_BOTS."
            )
        return StateError("A run of this job already waits to start.", "Watch it on the Runs screen.")

    async def _require_job(self, connection: Connection, job_id: UUID) -> None:
        # Held until the end of the action, so that nobody deletes the job in the middle of it.
        found = "SELECT true FROM scheduled_jobs WHERE id = $1 FOR KEY SHARE"
        if not await connection.fetchval(found, job_id):
            raise NotFoundError(f"There is no job {job_id}.", "List them with: bawt-console jobs list")

    async def _record(
        self,
        connection: Connection,
        action: str,
        object_type: str,
        object_id: UUID,
        *,
        reason: str | None = None,
        **details: object,
    ) -> None:
        await connection.execute(
            "INSERT INTO operator_actions (actor, action, object_type, object_id, reason, details)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            self._actor,
            action,
            object_type,
            str(object_id),
            reason,
            json.dumps(details),
        )


def _why_not_followed(source: Row, mode: RunMode) -> StateError | None:
    """Why a run cannot be applied or undone as it is now."""
    status, is_dry = RunStatus(source["status"]), source["mode"] == RunMode.DRY_RUN
    if not status.is_final:
        return StateError(f"The run is not over: {status}.", "Wait for it, or cancel it.")
    if mode is RunMode.APPLY:
        if not is_dry:
            return StateError("This is not a dry run.", "Make one with: bawt-console jobs run JOB --dry-run")
        if status is not RunStatus.SUCCESS:
            return StateError(f"The dry run has nothing to apply: {status}.", "Its log says why.")
        if not source["has_plan"]:
            return StateError("The plan of the dry run is gone.", "Make a new dry run.")
    elif is_dry:
        return StateError("A dry run changed nothing.", "There is nothing to undo.")
    elif status is RunStatus.SKIPPED:
        return StateError("The run was skipped, so it changed nothing.", "There is nothing to undo.")
    elif source["left_plan"] and applied_nothing(RunMode(source["mode"]), status, source["job_type"]):
        return StateError(APPLIED_NOTHING, "There is nothing to undo.")
    if source["followed_by"] is not None:
        done = "applied" if mode is RunMode.APPLY else "undone"
        words = f"was {done}" if source["followed_status"] == RunStatus.SUCCESS else f"is being {done}"
        return StateError(f"The run {words} by run {source['followed_by']}.", "Nothing was changed.")
    return None
