"""The handler of `memory_decay`: memories of low relevance go to the archive, one bot a run.

The formula is in `db/sql/decay_memories.sql`. No model takes part. A run, with all its attempts together,
archives at most 2 % of a bot's memories or 5,000, the worst first, and none at all when more than 20 % would
qualify: that pauses the job.
What has been in the archive for 90 days is deleted for good, up to 5,000 a run.
Results, logs and plans name memories by id; their text stays in the database.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol
from uuid import UUID

from scheduler_core.db.memory_archive import BREAKER_SHARE, DecayLook, Fading, MemoryArchive
from scheduler_core.db.plan_store import StoredPlan
from scheduler_core.domain import EventLevel, RunMode
from scheduler_core.errors import RunError, StateError
from scheduler_core.maintenance.given_back import given_back
from scheduler_core.tasks.task import Task, TaskContext, TaskResult

JOB = "memory_decay"
MODES = frozenset(RunMode)
# Below the breaker, but more than a store that is looked after loses at once, and far more than usual there.
SUSPICIOUS_SHARE = 0.1
UNUSUAL_TIMES = 2
# A store that was only just imported has years behind it, which the first passes work off a little at a time.
# What is usual is known after so many.
FEWEST_PASSES = 5
UNUSED_SHARE = 0.9
SMALL_STORE = 50


class PlanReader(Protocol):
    """Where the plan of a dry run is."""

    async def read(self, run_id: UUID | None) -> StoredPlan:
        """
        Raises:
            StateError: there is no plan.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayJob:
    """The handler."""

    archive: MemoryArchive
    plans: PlanReader

    async def run(self, task: Task, context: TaskContext) -> TaskResult:
        """Archives, plans, applies a plan or takes a run back, as the task's mode says.

        Raises:
            RunError: the circuit breaker tripped, a plan is not one of this job and bot, or what is to be
                applied or undone moved since. Nothing was changed then.
        """
        match task.mode:
            case RunMode.RUN:
                return await self._decay(task, context)
            case RunMode.DRY_RUN:
                return await self._plan(task)
            case RunMode.APPLY:
                return await self._apply(task, context)
            case RunMode.UNDO:
                return await self._undo(task, context)

    async def _decay(self, task: Task, context: TaskContext) -> TaskResult:
        look, gone = await self.archive.decay(task.bot_id, run_id=task.run_id)
        if look.tripped:
            raise RunError(
                f"{too_many(look)} None was archived.",
                "Check importance, last_accessed and the clock of whoever writes them, then resume the job.",
                retryable=False,
                pause_job=True,
            )
        # A step of its own, which no undo takes back: what had its time in the archive, of any bot.
        purged = await self.archive.purge()
        facts = _facts(task, look) | {"archived": len(gone), "purged": purged}
        suspicious = suspicions(look)
        if not gone and not purged and not suspicious:
            return TaskResult(result=facts, skipped=_nothing(look))
        if purged:
            await context.log(EventLevel.INFO, f"{purged} archived memories were deleted for good.")
        await context.log(EventLevel.INFO, f"{len(gone)} of {look.memories} memories went to the archive.")
        return TaskResult(result=facts, suspicious=suspicious)

    async def _plan(self, task: Task) -> TaskResult:
        look = await self.archive.look(task.bot_id)
        facts = _facts(task, look) | {"would_archive": len(look.chosen)}
        plan: dict[str, Any] = {"job": JOB, "bot_id": task.bot_id, "changes": []}
        if look.tripped:
            reason = too_many(look)
            return TaskResult(
                result=facts | {"refused": reason}, suspicious=(reason,), plan=plan | {"refused": reason}
            )
        plan["changes"] = [_change(task.bot_id, one) for one in look.chosen]
        return TaskResult(result=facts, suspicious=suspicions(look), plan=plan)

    async def _apply(self, task: Task, context: TaskContext) -> TaskResult:
        with _final():
            stored = await self.plans.read(task.source_run_id)
            chosen = planned(stored.plan, bot_id=task.bot_id)
            gone = await self.archive.archive(task.bot_id, chosen, run_id=task.run_id, plan_of=stored.run_id)
        facts = {"bot_id": task.bot_id, "applied": str(stored.run_id), "archived": len(gone)}
        if not gone:
            return TaskResult(result=facts, skipped="the dry run planned nothing")
        await context.log(EventLevel.INFO, f"{len(gone)} memories went to the archive, as planned.")
        return TaskResult(result=facts)

    async def _undo(self, task: Task, context: TaskContext) -> TaskResult:
        if task.source_run_id is None:
            raise RunError("No run is named to be undone.", "Name one.", retryable=False)
        with _final():
            back = await self.archive.restore_run(task.source_run_id)
        await context.log(EventLevel.INFO, f"{len(back)} memories came back from the archive.")
        return TaskResult(
            result={"bot_id": task.bot_id, "undone": str(task.source_run_id), "restored": len(back)},
            plan=given_back(JOB, task.bot_id, back),
        )


@contextmanager
def _final() -> Iterator[None]:
    """Another attempt would find the same."""
    try:
        yield
    except StateError as error:
        raise RunError(error.title, error.hint, retryable=False) from error


def planned(plan: Mapping[str, Any], *, bot_id: str) -> list[Fading]:
    """The memories that a plan archives.

    Raises:
        RunError: it is the plan of another job or bot, or was damaged.
    """
    if plan.get("job") != JOB or plan.get("bot_id") != bot_id:
        raise RunError("This is the plan of another job or bot.", "Make a new dry run.", retryable=False)
    try:
        return [
            Fading(
                id=change["object"].removeprefix(f"memory/{bot_id}/"),
                state=bytes.fromhex(change["state"]),
                score=float(change["score"]),
                numbers=change["numbers"],
            )
            for change in plan["changes"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RunError("The plan is damaged.", "Make a new dry run.", retryable=False) from None


def too_many(look: DecayLook) -> str:
    """What the circuit breaker says."""
    return (
        f"{look.below:,} of {look.memories:,} memories fell below the threshold, more than "
        f"{BREAKER_SHARE:.0%}."
    )


def suspicions(look: DecayLook) -> tuple[str, ...]:
    """Reasons to look twice at a pass that is within its limits.

    Whether memories fade too fast, or age alone decides, is told once there is a habit to judge by; a clock
    that is wrong is so from the first pass on.
    """
    found: list[str] = []
    if look.future:
        found.append(
            f"{look.future:,} memories were last used in the future: check the clock of their writer"
        )
    if look.memories < SMALL_STORE or len(look.habit) < FEWEST_PASSES:
        return tuple(found)
    usual = median(look.habit)
    if look.below > look.memories * max(SUSPICIOUS_SHARE, usual * UNUSUAL_TIMES):
        found.append(
            f"{look.below:,} of {look.memories:,} memories are below the threshold,"
            f" where {usual:.1%} are usual"
        )
    if look.chosen and look.unused > look.memories * UNUSED_SHARE:
        found.append("hardly any use of a memory was ever recorded, so age alone decided")
    return tuple(found)


def why(numbers: Mapping[str, Any]) -> str:
    """One sentence from the numbers kept with an archived memory."""
    return (
        f"value {numbers['value']:.4f}: {numbers['days_idle']:.0f} days idle at a half-life of "
        f"{numbers['half_life_days']:.0f} days (importance {numbers['importance']:.2f}, "
        f"{numbers['access_count']} uses, {numbers['tag'] or 'no tag'})"
    )


def _facts(task: Task, look: DecayLook) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "bot_id": task.bot_id,
        "memories": look.memories,
        "below": look.below,
        "cap": look.cap,
    }
    if look.earlier:
        facts["archived_by_earlier_attempts"] = look.earlier
    if look.chosen:
        facts["lowest_score"] = round(look.chosen[0].score, 6)
        facts["highest_score"] = round(look.chosen[-1].score, 6)
    return facts


def _nothing(look: DecayLook) -> str:
    if not look.memories:
        return "no memories"
    if look.earlier and not look.cap:
        return "earlier attempts archived as many as one run may"
    return "every memory that qualified changed meanwhile" if look.chosen else "unchanged"


def _change(bot_id: str, one: Fading) -> dict[str, Any]:
    return {
        "object": f"memory/{bot_id}/{one.id}",
        "before": "active",
        "after": "archived",
        "why": why(one.numbers),
        "state": one.state.hex(),
        "score": one.score,
        "numbers": dict(one.numbers),
    }
