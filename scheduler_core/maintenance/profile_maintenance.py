"""Keeps summaries of profiles true to their attributes: the model proposes, code decides, nothing is lost.

For each entity whose attributes changed: sort them without a model, let the model decide what is ambiguous
and word each category with citations, verify every sentence, fall back to a template, and publish against the
revision that was read. Raw attributes are never written here, and no transaction is open while a model works.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from scheduler_core.db.profile_rows import DueEntities
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Entity, EventLevel, ProfileVersion
from scheduler_core.llm.provider import TextModel
from scheduler_core.maintenance.conversation import Conversation
from scheduler_core.maintenance.outcome import MaintenanceOutcome, ModelUse
from scheduler_core.maintenance.plan import ProfilePlan
from scheduler_core.maintenance.profile_pass import ProfilePass, keep_judgements
from scheduler_core.maintenance.prompts import RECIPE
from scheduler_core.maintenance.reporter import Reporter, Silent

__all__ = ["ProfileMaintenanceService", "ProfilePlan", "Reporter"]


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
        pass_ = ProfilePass(
            store=self._store,
            model=None if self._model is None else self._model.info,
            conversation=self._conversation(reporter or Silent()),
            reporter=reporter or Silent(),
            run_id=None,
            is_dry=True,
        )
        return await pass_.plan(entity)

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
            await keep_judgements(self._store, plan)
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
        conversation = self._conversation(reporter)
        if entities and self._model is None:
            await reporter.log(
                EventLevel.WARNING, "No model: summaries are made from the attributes as they are."
            )
        done = ProfilePass(
            store=self._store,
            model=None if self._model is None else self._model.info,
            conversation=conversation,
            reporter=reporter,
            run_id=run_id,
            is_dry=plans is not None,
        )
        await done.over(entities)
        if plans is not None:
            plans += done.plans
        suspicious = list(done.suspicious)
        if conversation.gave_up:
            suspicious.append("the model stopped answering; the rest was done without it")
        return MaintenanceOutcome(
            profiles=profiles,
            entities=tuple(done.outcomes),
            model=self._use(conversation),
            seconds=time.monotonic() - started,
            suspicious=tuple(suspicious),
        )

    def _conversation(self, reporter: Reporter) -> Conversation:
        return Conversation(model=self._model, request_timeout=self._request_timeout, reporter=reporter)

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
