"""Keeps summaries of profiles true to their attributes: the model proposes, code decides, nothing is lost.

For each entity whose attributes changed: sort them without a model, let the model decide what is ambiguous
and word each category with citations, verify every sentence, fall back to a template, and publish against the
revision that was read. Raw attributes are never written here, and no transaction is open while a model works.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.profile_rows import DueEntities, ProfileSnapshot
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Entity, EventLevel, ProfileVersion
from scheduler_core.errors import DatabaseUnreachableError, NotFoundError, SchedulerError, StateError
from scheduler_core.llm.provider import TextModel
from scheduler_core.maintenance.conversation import Conversation
from scheduler_core.maintenance.judge import Judge
from scheduler_core.maintenance.outcome import EntityOutcome, MaintenanceOutcome, ModelUse
from scheduler_core.maintenance.pipeline import plan_profile
from scheduler_core.maintenance.plan import ProfilePlan, model_identity
from scheduler_core.maintenance.prompts import RECIPE
from scheduler_core.maintenance.question import JUDGING_RECIPE
from scheduler_core.maintenance.reporter import Reporter, Silent
from scheduler_core.maintenance.summary import SummaryWriter

__all__ = ["ProfileMaintenanceService", "ProfilePlan", "Reporter"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tally:
    """What a run has gathered so far."""

    entities: list[EntityOutcome]
    suspicious: list[str]
    # Of a dry run, which collects what it would write.
    plans: list[ProfilePlan] | None = None


class ProfileMaintenanceService:
    """Plans, applies and runs profile maintenance.

    Args:
        store: where profiles live; its statements are short and its transactions hold no model call.
        model: words the summaries; None for the template alone.
        request_timeout: seconds for one answer of the model.
    """

    def __init__(
        self, *, store: ProfileStore, model: TextModel | None, request_timeout: float = 300.0
    ) -> None:
        self._store = store
        self._model = model
        self._request_timeout = request_timeout

    async def plan(self, entity: Entity, *, reporter: Reporter | None = None) -> ProfilePlan:
        """What maintenance would publish now. Writes nothing; may ask the model.

        Raises:
            NotFoundError: nothing was ever stored about the entity.
        """
        reporter = reporter or Silent()
        conversation = self._conversation()
        return await self._plan(
            await self._snapshot(entity), conversation, self._writer(conversation, reporter), reporter
        )

    async def apply(self, plan: ProfilePlan, *, run_id: UUID | None) -> ProfileVersion | None:
        """Publishes exactly what was planned; None if it equals what is live.

        Raises:
            StateError: the entity's attributes or its summary changed since; nothing was written.
        """
        [version] = await self.apply_all((plan,), run_id=run_id)
        return version

    async def apply_all(
        self, plans: Sequence[ProfilePlan], *, run_id: UUID | None, plan_of: UUID | None = None
    ) -> list[ProfileVersion | None]:
        """Publishes exactly what was planned for all of them, or nothing; the versions in their order.

        Args:
            plan_of: the dry run the plans come from; it is applied once.

        Raises:
            StateError: attributes or summaries of entities, which are named, changed since; or the dry run
                was applied.
        """
        versions = await self._store.apply([plan.planned for plan in plans], run_id=run_id, plan_of=plan_of)
        for plan in plans:
            if plan.judgements is not None:
                await self._store.judgements.keep(
                    plan.entity,
                    plan.judgements.fresh,
                    current=plan.judgements.current,
                    model=plan.judgements.model,
                    recipe=plan.judgements.recipe,
                )
        return versions

    async def plan_all(
        self, entities: Sequence[Entity], *, reporter: Reporter | None = None
    ) -> tuple[MaintenanceOutcome, tuple[ProfilePlan, ...]]:
        """What `maintain_all` would do now, and the plans to apply; writes nothing.

        Raises:
            NotFoundError, DatabaseUnreachableError: as `maintain_all`.
        """
        plans: list[ProfilePlan] = []
        outcome = await self._run(entities, len(entities), None, reporter or Silent(), plans)
        return outcome, tuple(plans)

    async def plan_changed(
        self, *, reporter: Reporter | None = None
    ) -> tuple[MaintenanceOutcome, tuple[ProfilePlan, ...]]:
        """What `maintain_changed` would do now, and the plans to apply; writes nothing.

        Raises:
            DatabaseUnreachableError: as `maintain_all`.
        """
        due = await self._due()
        plans: list[ProfilePlan] = []
        outcome = await self._run(due.entities, due.profiles, None, reporter or Silent(), plans)
        return outcome, tuple(plans)

    async def maintain(
        self, entity: Entity, *, run_id: UUID | None, reporter: Reporter | None = None
    ) -> MaintenanceOutcome:
        """One entity, if it is due.

        Raises:
            NotFoundError: nothing was ever stored about the entity.
        """
        return await self.maintain_all((entity,), run_id=run_id, reporter=reporter)

    async def maintain_all(
        self, entities: Sequence[Entity], *, run_id: UUID | None, reporter: Reporter | None = None
    ) -> MaintenanceOutcome:
        """Those of the named entities that are due. The failure of one does not stop the others.

        Raises:
            NotFoundError: there is exactly one entity, and nothing was ever stored about it.
            DatabaseUnreachableError: no entity can be done without the database.
        """
        return await self._run(entities, len(entities), run_id, reporter or Silent())

    async def maintain_changed(
        self, *, run_id: UUID | None, reporter: Reporter | None = None
    ) -> MaintenanceOutcome:
        """Every entity that is due. With none due it costs one statement and no model call.

        Raises:
            DatabaseUnreachableError: as `maintain_all`.
        """
        due = await self._due()
        return await self._run(due.entities, due.profiles, run_id, reporter or Silent())

    async def _due(self) -> DueEntities:
        return await self._store.changed_entities(model_available=self._model is not None, recipe=RECIPE)

    async def _run(
        self,
        entities: Sequence[Entity],
        profiles: int,
        run_id: UUID | None,
        reporter: Reporter,
        plans: list[ProfilePlan] | None = None,
    ) -> MaintenanceOutcome:
        started = time.monotonic()
        conversation = self._conversation()
        writer = self._writer(conversation, reporter)
        tally = _Tally([], [], plans)
        if entities and self._model is None:
            await reporter.log(
                EventLevel.WARNING, "No model: summaries are made from the attributes as they are."
            )
        for position, entity in enumerate(entities, 1):
            writer.place = f"{position} of {len(entities)} entities"
            await reporter.progress(f"{writer.place} · {entity}")
            try:
                await self._one(entity, run_id, conversation, writer, reporter, tally)
            except DatabaseUnreachableError:
                raise
            except NotFoundError as error:
                if len(entities) == 1:
                    raise
                await self._failed(entity, error, reporter, tally)
            except StateError:
                tally.entities.append(EntityOutcome(entity=str(entity), result="moved"))
                await reporter.log(EventLevel.INFO, f"{entity}: changed meanwhile; the next run takes it up.")
            except Exception as error:  # noqa: BLE001  # the border: one entity must not stop the others
                await self._failed(entity, error, reporter, tally)
            # Lets a cancellation in between the entities, even where nothing had to wait.
            await asyncio.sleep(0)
        if conversation.gave_up:
            tally.suspicious.append("the model stopped answering; the rest was done without it")
        return MaintenanceOutcome(
            profiles=profiles,
            entities=tuple(tally.entities),
            model=self._use(conversation),
            seconds=time.monotonic() - started,
            suspicious=tuple(tally.suspicious),
        )

    async def _one(
        self,
        entity: Entity,
        run_id: UUID | None,
        conversation: Conversation,
        writer: SummaryWriter,
        reporter: Reporter,
        tally: _Tally,
    ) -> None:
        snapshot = await self._snapshot(entity)
        if not self._is_due(snapshot):
            tally.entities.append(EntityOutcome(entity=str(entity), result="unchanged"))
            return
        plan = await self._plan(snapshot, conversation, writer, reporter)
        if tally.plans is not None:
            tally.plans.append(plan)
            outcome = plan.outcome(version=None, is_dry=True)
        else:
            version = await self.apply(plan, run_id=run_id)
            outcome = plan.outcome(version=None if version is None else version.version)
        tally.entities.append(outcome)
        tally.suspicious += plan.suspicious
        await self._report(outcome, reporter)

    async def _plan(
        self,
        snapshot: ProfileSnapshot,
        conversation: Conversation,
        writer: SummaryWriter,
        reporter: Reporter,
    ) -> ProfilePlan:
        model = None if self._model is None else self._model.info
        known = await self._store.judgements.known(
            snapshot.profile.entity,
            model=None if model is None else model_identity(model),
            recipe=JUDGING_RECIPE,
        )
        judge = Judge(conversation=conversation, reporter=reporter)
        return await plan_profile(snapshot, judge=judge, writer=writer, known=known, model=model)

    def _is_due(self, snapshot: ProfileSnapshot) -> bool:
        profile = snapshot.profile
        return not snapshot.held and (
            profile.revision != profile.summarised_revision
            or snapshot.recipe != RECIPE
            or (profile.summary_model == "" and self._model is not None)
        )

    async def _snapshot(self, entity: Entity) -> ProfileSnapshot:
        snapshot = await self._store.snapshot(entity)
        if snapshot is None:
            raise NotFoundError(
                f"There is no profile {entity}.", "Import attributes for it first, or check how it is spelt."
            )
        return snapshot

    def _conversation(self) -> Conversation:
        return Conversation(model=self._model, request_timeout=self._request_timeout)

    def _writer(self, conversation: Conversation, reporter: Reporter) -> SummaryWriter:
        return SummaryWriter(conversation=conversation, reporter=reporter)

    def _use(self, conversation: Conversation) -> ModelUse | None:
        if self._model is None:
            return None
        info, usage = self._model.info, conversation.usage
        return ModelUse(
            name=info.name,
            provider=info.provider,
            locality=info.locality.value,
            checksum=info.checksum,
            calls=usage.calls,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            seconds=usage.seconds,
        )

    async def _report(self, outcome: EntityOutcome, reporter: Reporter) -> None:
        done = f"version {outcome.version}" if outcome.version is not None else outcome.result
        await reporter.log(
            EventLevel.INFO,
            f"{outcome.entity}: {outcome.attributes} attributes, {outcome.kept} kept; {outcome.sentences} "
            f"sentences, {outcome.from_model} by the model; {done}.",
        )
        if outcome.set_aside:
            ids = ", ".join(map(str, outcome.set_aside_ids[:20]))
            await reporter.log(
                EventLevel.WARNING, f"{outcome.entity}: set aside as instructions: attributes {ids}."
            )

    async def _failed(self, entity: Entity, error: Exception, reporter: Reporter, tally: _Tally) -> None:
        # The message of a foreign exception may quote a value; its type and frames cannot.
        plain = (
            error
            if isinstance(error, SchedulerError)
            else SchedulerError(f"Maintenance failed unexpectedly ({type(error).__name__}).")
        )
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("%s [%s] %s\n%s", entity, plain.error_id, type(error).__name__, frames)
        tally.entities.append(
            EntityOutcome(entity=str(entity), result="failed", error_id=plain.error_id, error=plain.title)
        )
        await reporter.log(EventLevel.ERROR, f"{entity}: {plain.title} [{plain.error_id}]")
