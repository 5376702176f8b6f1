"""Why a job did or did not run, in sentences. Pure: it is told everything and asks nobody."""

from collections.abc import Sequence
from datetime import datetime

from scheduler_core.domain import (
    Job,
    Node,
    NodeRole,
    NodeState,
    Run,
    RunMode,
    RunStatus,
    Trigger,
    short_run_id,
)

_PURPOSES = {
    RunMode.DRY_RUN: "dry run",
    RunMode.APPLY: "applying a dry run",
    RunMode.UNDO: "taking a run back",
}


def explain(
    job: Job, *, current: Run | None, history: Sequence[Run], nodes: Sequence[Node], now: datetime
) -> list[str]:
    """The state of a job first, then when it goes on, then its latest decisions, newest first.

    Args:
        current: its running or waiting run.
        history: its latest finished and skipped runs, newest first.
    """
    return [
        *_present(job, current, nodes, now),
        _future(job, nodes, now),
        *(_past(run) for run in history),
    ]


def _present(job: Job, current: Run | None, nodes: Sequence[Node], now: datetime) -> list[str]:
    said = []
    if not job.enabled:
        # Reasons are sentences of others, with or without their full stop.
        why = f": {job.paused_reason.rstrip(' .')}" if job.paused_reason else ""
        said.append(f"It is paused by {job.paused_by or 'somebody'}{_at(job.paused_at)}{why}.")
    if current is None:
        return said or ["It is not running."]
    if current.status is RunStatus.RUNNING:
        return [*said, f"It is running{_at(current.started_at)} (run {short_run_id(current.id)})."]
    if current.available_at > now:
        until = _at(current.available_at, "until")
        return [*said, f"Attempt {current.attempt} waits{until} (run {short_run_id(current.id)})."]
    reason = _why_waiting(job, _active(nodes)) if _active(nodes) else _nobody(nodes)
    return [*said, f"Run {short_run_id(current.id)} waits{_at(current.created_at)}, because {reason}."]


def _why_waiting(job: Job, active: Sequence[Node]) -> str:
    """What keeps a run from starting while some node is there."""
    knowing = [node for node in active if job.job_type in node.job_types]
    if not knowing:
        return f"no running node knows the job type {job.job_type}"
    able = [node for node in knowing if node.role is not NodeRole.SCHEDULER]
    if not able:
        return f"only schedulers are running, and no worker that can do {job.job_type}"
    wanted = job.needs_model
    if wanted is not None and not any(wanted in node.models for node in able):
        return f"no running worker of {job.job_type} has the model {wanted}, which it needs"
    if all(node.role is NodeRole.WORKER for node in active):
        return "only workers are running, and no scheduler sends it to one of them"
    return "every place for its type is taken, on this node or on another"


def _future(job: Job, nodes: Sequence[Node], now: datetime) -> str:
    if not job.enabled:
        return "It will not run by itself until it is resumed; a run can still be forced."
    if job.needs_slot:
        return "Its next slot is being computed from its cron expression."
    if job.next_run_at > now:
        backing_off = ""
        if job.backoff_until is not None and job.backoff_until > now:
            backing_off = (
                f" After {job.failures} failures in a row, slots before {_time(job.backoff_until)}"
                " are skipped; forcing it ends that."
            )
        return f"Its next slot is {_time(job.next_run_at)}.{backing_off}"
    late = (now - job.next_run_at).total_seconds()
    if not _active(nodes):
        return f"It has been due for {late:.0f} s, but {_nobody(nodes)}."
    if all(node.role is NodeRole.WORKER for node in _active(nodes)):
        return f"It has been due for {late:.0f} s, but only workers are running, and no scheduler claims it."
    return (
        f"It has been due for {late:.1f} s: every place of the active nodes is taken,"
        " or somebody holds its row in an open transaction."
    )


def _past(run: Run) -> str:
    slot = f"{_time(run.scheduled_for)}"
    if run.trigger is Trigger.MANUAL:
        slot = f"forced {_time(run.created_at)}"
    if run.mode is not RunMode.RUN:
        slot = f"{_PURPOSES[run.mode]}, asked for {_time(run.created_at)}"
    coalesced = ""
    if run.coalesced:
        slots = "slot" if run.coalesced == 1 else "slots"
        coalesced = f", standing for {run.coalesced_bound}{run.coalesced:,} missed {slots} too"
    says = {
        RunStatus.SKIPPED: f"skipped, {run.reason}",
        RunStatus.FAILED: f"failed, {run.error_message}",
        RunStatus.SUCCESS: "ended well and changed nothing"
        if run.mode is RunMode.DRY_RUN
        else "ran successfully",
    }.get(run.status, str(run.status))
    attempt = f" (attempt {run.attempt})" if run.attempt > 1 else ""
    return f"{slot}: {says}{coalesced}{attempt} [{short_run_id(run.id)}]"


def _active(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if node.state is NodeState.ACTIVE]


def _nobody(nodes: Sequence[Node]) -> str:
    draining = [node.name for node in nodes if node.state is NodeState.DRAINING]
    if draining:
        return f"the only node is stopping ({', '.join(draining)})"
    return "no scheduler is running on this database"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _at(at: datetime | None, word: str = "since") -> str:
    return "" if at is None else f" {word} {_time(at)}"
