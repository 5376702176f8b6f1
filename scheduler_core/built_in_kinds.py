"""The three job types that every node knows, put together with their stores and the model."""

from collections.abc import Iterator

from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.memory_candidates import MemoryCandidates
from scheduler_core.db.memory_judgements import MemoryJudgements
from scheduler_core.db.memory_vectors import MemoryVectors
from scheduler_core.db.plan_store import PlanStore
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import JobType
from scheduler_core.installation import default_intervals
from scheduler_core.llm.chooser import ModelChooser
from scheduler_core.llm.given import GivenModel
from scheduler_core.maintenance.consolidation import Stores
from scheduler_core.maintenance.consolidation_job import MODES as CONSOLIDATION_MODES
from scheduler_core.maintenance.consolidation_job import ConsolidationJob
from scheduler_core.maintenance.decay import MODES as DECAY_MODES
from scheduler_core.maintenance.decay import DecayJob
from scheduler_core.maintenance.profile_job import MODES as PROFILE_MODES
from scheduler_core.maintenance.profile_job import ProfileJob
from scheduler_core.settings import Settings
from scheduler_core.tasks.built_in_configs import BUILT_IN_CONFIGS
from scheduler_core.tasks.task import JobKind


def built_in_kinds(
    settings: Settings, database: Database, models: ModelChooser | GivenModel
) -> Iterator[JobKind]:
    """Every built-in job type, with the intervals and slots of the settings.

    Args:
        database: what the handlers read and write through.
        models: asked for a model when a run needs one, not before.
    """
    intervals = default_intervals(settings)
    archive = MemoryArchive(database)
    plans = PlanStore(database)
    profile = ProfileJob(
        store=ProfileStore(database),
        history=ProfileHistory(database),
        plans=plans,
        model=models.current,
        model_timeout=settings.model_timeout_seconds,
    )
    consolidation = ConsolidationJob(
        stores=Stores(
            archive=archive,
            judgements=MemoryJudgements(database),
            vectors=MemoryVectors(database),
            candidates=MemoryCandidates(database),
        ),
        plans=plans,
        model=models.current,
        embedding=models.embedder,
        model_timeout=settings.model_timeout_seconds,
    )
    yield JobKind(
        name=JobType.PROFILE_MAINTENANCE,
        handler=profile.run,
        config=BUILT_IN_CONFIGS[JobType.PROFILE_MAINTENANCE],
        interval_minutes=intervals[JobType.PROFILE_MAINTENANCE],
        # One model slot by default: two runs would only take the same cores from each other.
        max_running=settings.model_slots,
        modes=PROFILE_MODES,
    )
    yield JobKind(
        name=JobType.MEMORY_CONSOLIDATION,
        handler=consolidation.run,
        config=BUILT_IN_CONFIGS[JobType.MEMORY_CONSOLIDATION],
        interval_minutes=intervals[JobType.MEMORY_CONSOLIDATION],
        per_bot=True,
        max_running=settings.model_slots,
        modes=CONSOLIDATION_MODES,
    )
    yield JobKind(
        name=JobType.MEMORY_DECAY,
        handler=DecayJob(archive=archive, plans=plans).run,
        config=BUILT_IN_CONFIGS[JobType.MEMORY_DECAY],
        interval_minutes=intervals[JobType.MEMORY_DECAY],
        per_bot=True,
        modes=DECAY_MODES,
    )
