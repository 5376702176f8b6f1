"""The handler of `memory_consolidation` in its four modes, one bot a run.

Results, logs and plans name memories by id; their text stays in the database.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from scheduler_core.db.plan_store import StoredPlan
from scheduler_core.domain import EventLevel, RunMode
from scheduler_core.errors import RunError, StateError
from scheduler_core.llm.provider import EmbeddingModel, TextModel
from scheduler_core.maintenance.consolidation import MemoryConsolidation, Proposal, Stores
from scheduler_core.maintenance.consolidation_plan import JOB, plan_of, planned
from scheduler_core.maintenance.given_back import given_back
from scheduler_core.maintenance.outcome import ModelUse
from scheduler_core.tasks.task import Task, TaskContext, TaskResult

MODES = frozenset(RunMode)


class PlanReader(Protocol):
    """Where the plan of a dry run is."""

    async def read(self, run_id: Any) -> StoredPlan:
        """
        Raises:
            StateError: there is no plan.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolidationJob:
    """The handler.

    Args:
        model, embedding: asked for at the start of every run that may need them.
        model_timeout: seconds for one answer of a model.
    """

    stores: Stores
    plans: PlanReader
    model: Callable[[], Awaitable[TextModel | None]]
    embedding: Callable[[], Awaitable[EmbeddingModel | None]]
    model_timeout: float

    async def run(self, task: Task, context: TaskContext) -> TaskResult:
        """Consolidates, plans, applies a plan or takes a run back, as the task's mode says.

        Raises:
            RunError: the circuit breaker tripped, a plan is not one of this job and bot, or what is to be
                applied or undone moved since. Nothing was changed then.
            ModelError: a configured model cannot be used.
        """
        match task.mode:
            case RunMode.RUN | RunMode.DRY_RUN:
                return await self._consolidate(task, context)
            case RunMode.APPLY:
                return await self._apply(task, context)
            case RunMode.UNDO:
                return await self._undo(task, context)

    async def _consolidate(self, task: Task, context: TaskContext) -> TaskResult:
        started = time.monotonic()
        model, embedding = await self.model(), await self.embedding()
        service = MemoryConsolidation(
            stores=self.stores,
            model=model,
            embedding=embedding,
            reporter=context,
            request_timeout=self.model_timeout,
        )
        proposal = await service.propose(task.bot_id)
        facts = _facts(proposal) | {
            "model": _use(model, service),
            "embedding": _embedding(embedding, proposal),
        }
        refused = proposal.chosen.refused
        if task.mode is RunMode.DRY_RUN:
            plan = plan_of(task.bot_id, proposal.chosen.groups)
            facts["seconds"] = round(time.monotonic() - started, 3)
            if refused is not None:
                return TaskResult(
                    result=facts | {"refused": refused},
                    suspicious=(refused,),
                    plan=plan | {"refused": refused},
                )
            return TaskResult(result=facts, suspicious=_suspicious(proposal), plan=plan)
        if refused is not None:
            raise RunError(
                f"{refused} None was merged.",
                "Look at a dry run and at the models, then resume the job.",
                retryable=False,
                pause_job=True,
            )
        merged = await service.carry_out(proposal, run_id=task.run_id)
        facts |= {
            "groups": len(merged.survivors),
            "archived": merged.archived,
            "seconds": round(time.monotonic() - started, 3),
        }
        if not merged.archived:
            # A model that was asked in vain is worth a look, even if every memory stayed.
            suspicious = _suspicious(proposal)
            skipped = None if suspicious and proposal.looked else "unchanged"
            return TaskResult(
                result=facts, skipped=skipped if proposal.memories else "no memories", suspicious=suspicious
            )
        await context.log(
            EventLevel.INFO,
            f"{len(merged.survivors)} groups said the same; {merged.archived} memories went to the archive.",
        )
        return TaskResult(result=facts, suspicious=_suspicious(proposal))

    async def _apply(self, task: Task, context: TaskContext) -> TaskResult:
        with _final():
            stored = await self.plans.read(task.source_run_id)
            groups = planned(stored.plan, bot_id=task.bot_id)
            merged = await self.stores.archive.merge(
                task.bot_id, groups, run_id=task.run_id, plan_of=stored.run_id
            )
        facts = {
            "bot_id": task.bot_id,
            "applied": str(stored.run_id),
            "groups": len(merged.survivors),
            "archived": merged.archived,
        }
        if not merged.archived:
            return TaskResult(result=facts, skipped="the dry run planned nothing")
        await context.log(EventLevel.INFO, f"{merged.archived} memories went to the archive, as planned.")
        return TaskResult(result=facts)

    async def _undo(self, task: Task, context: TaskContext) -> TaskResult:
        if task.source_run_id is None:
            raise RunError("No run is named to be undone.", "Name one.", retryable=False)
        with _final():
            back = await self.stores.archive.restore_run(task.source_run_id)
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


def _facts(proposal: Proposal) -> dict[str, Any]:
    chosen = proposal.chosen
    return {
        "bot_id": proposal.bot_id,
        "method": proposal.method,
        "memories": proposal.memories,
        "changed": len(proposal.changes),
        "pairs_compared": proposal.compared,
        "pairs_apart": dict(sorted(proposal.vetoed.items())),
        "judged": asdict(proposal.tally),
        "groups_proposed": len(chosen.groups),
        "would_archive": sum(len(group.members) for group in chosen.groups),
        "groups_waiting": len(chosen.waiting),
    }


def _suspicious(proposal: Proposal) -> tuple[str, ...]:
    waiting = len(proposal.chosen.waiting)
    more = (f"{waiting} groups wait for the next run, because this one reached its cap",) if waiting else ()
    return (*proposal.suspicious, *proposal.chosen.suspicious, *more)


def _use(model: TextModel | None, service: MemoryConsolidation) -> dict[str, Any] | None:
    if model is None:
        return None
    info, usage = model.info, service.conversation.usage
    use = ModelUse(
        name=info.name,
        provider=info.provider,
        locality=info.locality.value,
        checksum=info.checksum,
        calls=usage.calls,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        seconds=usage.seconds,
    )
    return asdict(use) | {"seconds": round(use.seconds, 3), "tokens_per_second": use.tokens_per_second}


def _embedding(model: EmbeddingModel | None, proposal: Proposal) -> dict[str, Any] | None:
    if model is None:
        return None
    info = model.info
    return {
        "name": info.name,
        "provider": info.provider,
        "locality": info.locality.value,
        "checksum": info.checksum,
        "dimensions": info.dimensions,
        "computed": proposal.embedded,
    }
