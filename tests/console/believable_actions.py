"""What people did in the believable world, newest first: some of it can be taken back, some not any more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler_core.domain import Job, JobOverview
from scheduler_core.oversight import OperatorAction

NOW = datetime(2026, 11, 22, 3, 14, 7, tzinfo=UTC)
_CANCELLED = "A cancelled run does not come back; run its job now instead."


def believable_actions(jobs: Sequence[JobOverview]) -> list[OperatorAction]:
    """Seven of them over three days."""
    by_name = {f"{each.job.job_type} {each.job.bot_id}": each for each in jobs}
    maintenance, decay = by_name["profile_maintenance *"], by_name["memory_decay mira"]
    consolidation = by_name["memory_consolidation nova"]
    forced = maintenance.current.id if maintenance.current is not None else None
    return [
        _of(17, 41, maintenance.job, "force_run", run=forced, details={"runs": [str(forced)]},
            obstacle="The run is not over: running."),
        _of(16, 3_900, consolidation.job, "edit", actor="grace@office command",
            details={"before": {"interval_minutes": 720}, "after": {"interval_minutes": 360}},
            undoing="memory_consolidation nova gets back: interval_minutes 720."),
        _of(15, 8_000, consolidation.job, "resume", undoes=14, details={"undoes": 14},
            undoing="memory_consolidation nova is paused."),
        _of(14, 8_100, consolidation.job, "pause", actor="grace@office command", reason="merges too much?",
            obstacle="The job was changed since, by action 15 (resume)."),
        _of(13, 30_000, maintenance.job, "cancel", run=maintenance.last.id if maintenance.last else None,
            obstacle=_CANCELLED),
        _of(12, 266_400, decay.job, "pause", reason="check the last failure first",
            undoing="memory_decay mira is resumed."),
        _of(11, 270_000, None, "rollback", actor="ada@attic console", object_type="profile",
            object_id="user/jo", reason="the new one forgot her allergy", details={"to": 14, "from": 15},
            obstacle="This kind of action cannot be taken back here."),
    ]  # fmt: skip


def _of(
    number: int,
    seconds: float,
    job: Job | None,
    action: str,
    *,
    actor: str = "ada@attic console",
    run: UUID | None = None,
    **more: object,
) -> OperatorAction:
    values: dict[str, object] = {
        "id": number,
        "at": NOW - timedelta(seconds=seconds),
        "actor": actor,
        "action": action,
        "object_type": "job" if action != "cancel" else "run",
        "object_id": "" if job is None else str(run if action == "cancel" else job.id),
        "object_name": "" if job is None else f"{job.job_type} {job.bot_id}",
        "reason": None,
        "job_id": None if job is None else job.id,
        "run_id": run,
    }
    return OperatorAction(**(values | more))  # type: ignore[arg-type]
