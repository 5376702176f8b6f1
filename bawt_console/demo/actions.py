"""What people did in the month, as the audit shows it, with the runs that came of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bawt_console.demo.jobs import DemoJob
from bawt_console.demo.runs import PastRun, fresh_id
from scheduler_core.db.connect import Connection

ADA, JO = "ada@attic console", "jo@cellar console"
NIGHTLY = "memory_decay *"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    at: datetime
    actor: str
    action: str
    object_type: str
    object_id: str
    reason: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Operators:
    """Collects actions; those that add runs give them to the month.

    Args:
        runs: the month so far; forced runs join it.
    """

    def __init__(self, now: datetime, luck: Random, jobs: Sequence[DemoJob], runs: list[PastRun]) -> None:
        self._now = now
        self._luck = luck
        self._jobs = {job.name: job for job in jobs}
        self._runs = runs
        self.actions: list[Action] = []

    def work(self) -> None:
        """A month of it."""
        self._edit(days=26.2, actor=ADA, job="profile_maintenance *", before=120, after=60)
        for bot, days, actor in (
            ("mira", 20.1, JO),
            ("nova", 16.4, ADA),
            ("atlas", 11.9, ADA),
            ("fern", 5.1, JO),
            ("juno", 2.6, ADA),
            ("nova", 0.61, ADA),
        ):
            self._force(f"memory_consolidation {bot}", days=days, actor=actor)
        self._pause(
            "memory_consolidation fern", days=6.3, hours=5.0, reason="its memories move to another host"
        )
        self._pause("profile_maintenance *", days=13.02, hours=0.9, reason="both machines change their shelf")
        self._edit_cron(days=9.8)
        self._retry()
        self._cancel()
        for job in self._jobs.values():
            if job.paused is not None:
                actor, reason, ago = job.paused
                self._add(ago, actor, "pause", job, reason=reason)

    def undone(self, undo: PastRun) -> None:
        """The run that took another one back."""
        assert undo.source_run_id is not None
        self.actions.append(
            Action(
                at=undo.scheduled_for,
                actor=ADA,
                action="undo",
                object_type="run",
                object_id=str(undo.source_run_id),
                details={"run": str(undo.id)},
            )
        )

    def dry_run(self, run: PastRun) -> None:
        self.actions.append(
            Action(
                at=run.scheduled_for,
                actor=ADA,
                action="dry_run",
                object_type="job",
                object_id=str(run.job.id),
                details={"runs": [str(run.id)]},
            )
        )

    def _force(self, name: str, *, days: float, actor: str) -> None:
        job, at = self._jobs[name], self._now - timedelta(days=days)
        run = PastRun(
            id=fresh_id(self._luck, at),
            job=job,
            bot=job.bot,
            scheduled_for=at,
            started_at=at + timedelta(seconds=0.03),
            trigger="manual",
            status="success",
            seconds=job.seconds * self._luck.uniform(0.8, 1.4),
            node_id=self._runs[-1].node_id,
        )
        self._runs.append(run)
        self._add(timedelta(days=days), actor, "force_run", job, details={"runs": [str(run.id)]})

    def _pause(self, name: str, *, days: float, hours: float, reason: str) -> None:
        job = self._jobs[name]
        self._add(timedelta(days=days), ADA, "pause", job, reason=reason)
        self._add(timedelta(days=days, hours=-hours), ADA, "resume", job)

    def _edit(self, *, days: float, actor: str, job: str, before: int, after: int) -> None:
        details = {"before": {"interval_minutes": before}, "after": {"interval_minutes": after}}
        self._add(timedelta(days=days), actor, "edit", self._jobs[job], details=details)

    def _edit_cron(self, *, days: float) -> None:
        job = self._jobs[NIGHTLY]
        details = {"before": {"cron": "0 2 * * *"}, "after": {"cron": job.cron}}
        self._add(timedelta(days=days), ADA, "edit", job, details=details)

    def _retry(self) -> None:
        """Somebody did not wait for the next attempt."""
        attempts = [run for run in self._runs if run.trigger == "retry" and run.attempt == 2]
        if not attempts:
            return
        run = self._luck.choice(attempts)
        run.trigger = "manual"
        self.actions.append(
            Action(
                at=run.started_at - timedelta(seconds=0.02),
                actor=JO,
                action="retry",
                object_type="run",
                object_id=str(run.first_run_id),
                details={"run": str(run.id)},
            )
        )

    def _cancel(self) -> None:
        """Of the long runs of the last days one was stopped by hand."""
        lately = [
            run
            for run in self._runs
            if run.job.type == "memory_consolidation"
            and run.status == "success"
            and run.trigger == "schedule"
            and timedelta(hours=6) < self._now - run.started_at < timedelta(days=2)
        ]
        run = max(lately, key=lambda each: each.seconds)
        run.fail(f"Cancelled by {ADA}.", seconds=run.seconds)
        run.cancelled_by = ADA
        at = run.ended_at - timedelta(seconds=0.2)
        self.actions.append(
            Action(at=at, actor=ADA, action="cancel", object_type="run", object_id=str(run.id))
        )

    def _add(
        self,
        ago: timedelta,
        actor: str,
        action: str,
        job: DemoJob,
        *,
        reason: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.actions.append(
            Action(
                at=self._now - ago,
                actor=actor,
                action=action,
                object_type="job",
                object_id=str(job.id),
                reason=reason,
                details=details or {},
            )
        )


async def write_actions(connection: Connection, actions: Sequence[Action]) -> None:
    """Adds them in the order in which they happened."""
    await connection.copy_records_to_table(
        "operator_actions",
        columns=("at", "actor", "action", "object_type", "object_id", "reason", "details"),
        records=[
            (
                one.at,
                one.actor,
                one.action,
                one.object_type,
                one.object_id,
                one.reason,
                json.dumps(one.details),
            )
            for one in sorted(actions, key=lambda each: each.at)
        ],
    )
