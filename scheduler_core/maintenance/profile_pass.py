"""One pass over many profiles: read, plan and publish, several at a time while each takes next to no time.

Profiles are read ahead by about a second at most, and what a model worked for is published before the next
one is begun. The failure of one does not stop the others; stopping loses the one in hand, and those of the
last second that took no model.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from scheduler_core.db.judgement_store import Decision
from scheduler_core.db.profile_rows import ProfileSnapshot
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Entity, EventLevel
from scheduler_core.errors import (
    DatabaseUnreachableError,
    NotFoundError,
    RunError,
    SchedulerError,
    StateError,
    frames_of,
)
from scheduler_core.llm.provider import ModelInfo
from scheduler_core.maintenance.conversation import Conversation
from scheduler_core.maintenance.judge import Judge
from scheduler_core.maintenance.outcome import EntityOutcome
from scheduler_core.maintenance.pipeline import plan_profile
from scheduler_core.maintenance.plan import ProfilePlan, model_identity
from scheduler_core.maintenance.prompts import RECIPE
from scheduler_core.maintenance.question import JUDGING_RECIPE
from scheduler_core.maintenance.reporter import Reporter
from scheduler_core.maintenance.summary import SummaryWriter

log = logging.getLogger(__name__)

# So many summaries of one pass may lose much, and so large a part of them, before the rest is left alone.
BREAKER_LEAST = 10
BREAKER_SHARE = 0.5

AHEAD_SECONDS = 1.0
MOST_AT_ONCE = 50

_Known = Mapping[tuple[bytes, bytes], Decision]


class ProfilePass:
    """Lives for one run.

    Args:
        model: whose words and decisions these are; None for none.
        run_id: whose versions they become.
        is_dry: plans are collected instead of being published.

    Attributes:
        outcomes: in the order of the entities.
        suspicious: reasons to look at the pass twice.
        plans: of a dry pass.
    """

    def __init__(
        self,
        *,
        store: ProfileStore,
        model: ModelInfo | None,
        conversation: Conversation,
        reporter: Reporter,
        run_id: UUID | None,
        is_dry: bool,
    ) -> None:
        self._store = store
        self._model = model
        self._conversation = conversation
        self._reporter = reporter
        self._run_id = run_id
        self._is_dry = is_dry
        self._writer = SummaryWriter(conversation=conversation, reporter=reporter)
        self.outcomes: list[EntityOutcome] = []
        self.suspicious: list[str] = []
        self.plans: list[ProfilePlan] = []
        self._published_count = 0
        self._lost = 0

    async def over(self, entities: Sequence[Entity]) -> None:
        """
        Raises:
            NotFoundError: there is exactly one entity, and nothing was ever stored about it.
            RunError: the circuit breaker tripped; what was published until then is undone by run.
            DatabaseUnreachableError: no entity can be done without the database.
        """
        first, size = 0, 1
        while first < len(entities):
            started = time.monotonic()
            done = await self._page(entities[first : first + size], first, len(entities))
            spent = time.monotonic() - started
            first += done
            self._stop_if_too_much_is_lost(len(entities) - first)
            # Step by step, because the first ones may have been short.
            affordable = int(AHEAD_SECONDS * done / max(spent, 1e-6))
            size = max(1, min(affordable, 4 * done, MOST_AT_ONCE))

    def _stop_if_too_much_is_lost(self, left: int) -> None:
        """The circuit breaker: a fault of code or model that shortens many summaries must not reach all."""
        if self._is_dry or self._lost < BREAKER_LEAST or self._lost <= BREAKER_SHARE * self._published_count:
            return
        raise RunError(
            f"{self._lost} of {self._published_count} summaries lost much; {left} profiles were left alone.",
            "Look at the diff of this run, and undo it or resume the job.",
            retryable=False,
            pause_job=True,
        )

    async def plan(self, entity: Entity) -> ProfilePlan:
        """What would be published for one entity, due or not; publishes nothing.

        Raises:
            NotFoundError: nothing was ever stored about the entity.
        """
        snapshots, known = await self._read((entity,))
        return await self._planned(_found(snapshots, entity), known)

    async def _page(self, page: Sequence[Entity], first: int, total: int) -> int:
        """How many it did: those that have waited too long since they were read are left to be read again."""
        read_at = time.monotonic()
        try:
            snapshots, known = await self._read(page)
        except DatabaseUnreachableError:
            raise
        except Exception as error:  # noqa: BLE001  # the border: one entity must not stop the others
            if len(page) == 1:
                self.outcomes.append(await self._failed(page[0], error))
                return 1
            for position, entity in enumerate(page, first):
                await self._page((entity,), position, total)
            return len(page)
        waiting: list[EntityOutcome | ProfilePlan] = []
        done = 0
        for position, entity in enumerate(page, first + 1):
            if done and time.monotonic() - read_at > AHEAD_SECONDS:
                break
            done += 1
            calls = self._conversation.usage.calls
            self._writer.place = f"{position} of {total} entities"
            await self._reporter.progress(f"{self._writer.place} · {entity}")
            waiting.append(await self._considered(entity, snapshots, known, is_only=total == 1))
            if self._conversation.usage.calls > calls:
                # What a model worked for is not put at risk by the next entity.
                await self._finish(waiting)
                waiting = []
            # Lets a cancellation in between the entities, even where nothing had to wait.
            await asyncio.sleep(0)
        await self._finish(waiting)
        return done

    async def _finish(self, waiting: Sequence[EntityOutcome | ProfilePlan]) -> None:
        done = iter(await self._done([one for one in waiting if isinstance(one, ProfilePlan)]))
        self.outcomes += [next(done) if isinstance(one, ProfilePlan) else one for one in waiting]

    async def _read(
        self, entities: Sequence[Entity]
    ) -> tuple[Mapping[Entity, ProfileSnapshot], Mapping[Entity, _Known]]:
        snapshots = await self._store.snapshots(entities)
        known = await self._store.judgements.known_of(
            list(snapshots),
            model=None if self._model is None else model_identity(self._model),
            recipe=JUDGING_RECIPE,
        )
        return snapshots, known

    async def _considered(
        self,
        entity: Entity,
        snapshots: Mapping[Entity, ProfileSnapshot],
        known: Mapping[Entity, _Known],
        *,
        is_only: bool,
    ) -> EntityOutcome | ProfilePlan:
        try:
            snapshot = _found(snapshots, entity)
            if not self._is_due(snapshot):
                return EntityOutcome(entity=str(entity), result="unchanged")
            return await self._planned(snapshot, known)
        except DatabaseUnreachableError:
            raise
        except NotFoundError as error:
            if is_only:
                raise
            return await self._failed(entity, error)
        except Exception as error:  # noqa: BLE001  # the border: one entity must not stop the others
            return await self._failed(entity, error)

    async def _planned(self, snapshot: ProfileSnapshot, known: Mapping[Entity, _Known]) -> ProfilePlan:
        return await plan_profile(
            snapshot,
            judge=Judge(conversation=self._conversation, reporter=self._reporter),
            writer=self._writer,
            known=known.get(snapshot.profile.entity, {}),
            model=self._model,
        )

    def _is_due(self, snapshot: ProfileSnapshot) -> bool:
        profile = snapshot.profile
        return not snapshot.held and (
            profile.revision != profile.summarised_revision
            or snapshot.recipe != RECIPE
            or (profile.summary_model == "" and self._model is not None)
        )

    async def _done(self, plans: Sequence[ProfilePlan]) -> list[EntityOutcome]:
        """Publishes or collects; what cannot be published together is published one by one."""
        if self._is_dry:
            self.plans += plans
            return [await self._told(plan, plan.outcome(version=None, is_dry=True)) for plan in plans]
        if not plans:
            return []
        try:
            versions = await self._store.apply([plan.planned for plan in plans], run_id=self._run_id)
        except DatabaseUnreachableError:
            raise
        except Exception as error:  # noqa: BLE001  # the border: one entity must not stop the others
            if len(plans) > 1:
                return [outcome for plan in plans for outcome in await self._done((plan,))]
            return [await self._not_published(plans[0].entity, error)]
        return [
            await self._published(plan, None if version is None else version.version)
            for plan, version in zip(plans, versions, strict=True)
        ]

    async def _published(self, plan: ProfilePlan, version: int | None) -> EntityOutcome:
        try:
            await keep_judgements(self._store, plan)
        except DatabaseUnreachableError:
            raise
        except Exception as error:  # noqa: BLE001  # the border: one entity must not stop the others
            return await self._failed(plan.entity, error)
        return await self._told(plan, plan.outcome(version=version))

    async def _told(self, plan: ProfilePlan, outcome: EntityOutcome) -> EntityOutcome:
        self.suspicious += plan.suspicious
        if outcome.version is not None:
            self._published_count += 1
            self._lost += plan.lost_much
        done = f"version {outcome.version}" if outcome.version is not None else outcome.result
        await self._reporter.log(
            EventLevel.INFO,
            f"{outcome.entity}: {outcome.attributes} attributes, {outcome.kept} kept; {outcome.sentences} "
            f"sentences, {outcome.from_model} by the model; {done}.",
        )
        if outcome.set_aside:
            ids = ", ".join(map(str, outcome.set_aside_ids[:20]))
            await self._reporter.log(
                EventLevel.WARNING, f"{outcome.entity}: set aside as instructions: attributes {ids}."
            )
        return outcome

    async def _not_published(self, entity: Entity, error: Exception) -> EntityOutcome:
        if not isinstance(error, StateError):
            return await self._failed(entity, error)
        await self._reporter.log(EventLevel.INFO, f"{entity}: changed meanwhile; the next run takes it up.")
        return EntityOutcome(entity=str(entity), result="moved")

    async def _failed(self, entity: Entity, error: Exception) -> EntityOutcome:
        # The message of a foreign exception may quote a value; its type and frames cannot.
        plain = (
            error
            if isinstance(error, SchedulerError)
            else SchedulerError(f"Maintenance failed unexpectedly ({type(error).__name__}).")
        )
        # The log may be a file, where nobody would find the name when it has to be forgotten; the log of the
        # run names the entity beside the same id.
        log.error(
            "A profile could not be done [%s] %s\n%s", plain.error_id, type(error).__name__, frames_of(error)
        )
        await self._reporter.log(EventLevel.ERROR, f"{entity}: {plain.title} [{plain.error_id}]")
        return EntityOutcome(entity=str(entity), result="failed", error_id=plain.error_id, error=plain.title)


async def keep_judgements(store: ProfileStore, plan: ProfilePlan) -> None:
    """Keeps what was decided while planning, so that it is asked once."""
    if plan.judgements is not None:
        await store.judgements.keep(
            plan.entity,
            plan.judgements.fresh,
            current=plan.judgements.current,
            model=plan.judgements.model,
            recipe=plan.judgements.recipe,
        )


def _found(snapshots: Mapping[Entity, ProfileSnapshot], entity: Entity) -> ProfileSnapshot:
    snapshot = snapshots.get(Entity(entity.type, entity.id.strip().lower()))
    if snapshot is None:
        raise NotFoundError(
            f"There is no profile {entity}.", "Import attributes for it first, or check how it is spelt."
        )
    return snapshot
