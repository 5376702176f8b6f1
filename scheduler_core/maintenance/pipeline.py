"""The steps of profile maintenance for one snapshot, without a database: sort, judge, word, plan.

It reads nothing and writes nothing; with neither a model nor earlier decisions it depends on its input alone.
"""

from collections.abc import Mapping

from scheduler_core.db.judgement_store import Decision
from scheduler_core.db.profile_rows import ProfileSnapshot
from scheduler_core.llm.provider import ModelInfo
from scheduler_core.maintenance.disposition import dispose, kept
from scheduler_core.maintenance.judge import Judge
from scheduler_core.maintenance.plan import (
    Judgements,
    ProfilePlan,
    by_category,
    make_plan,
    model_identity,
    sections_before,
    subject_of,
)
from scheduler_core.maintenance.question import JUDGING_RECIPE
from scheduler_core.maintenance.summary import SummaryWriter


async def plan_profile(
    snapshot: ProfileSnapshot,
    *,
    judge: Judge,
    writer: SummaryWriter,
    known: Mapping[tuple[bytes, bytes], Decision],
    model: ModelInfo | None,
) -> ProfilePlan:
    """What maintenance would publish for this snapshot.

    Args:
        known: what was decided about its lines before.
        model: whose words and decisions these are; None for none.
    """
    dispositions = dispose(snapshot.attributes, today=snapshot.at.date())
    subject, display_name = subject_of(snapshot.profile.entity, kept(dispositions))
    judged = await judge.decide(subject, dispositions, known)
    before = sections_before(snapshot)
    live = snapshot.version.sentences if snapshot.version is not None else ()
    sections = [
        await writer.section(
            subject,
            category,
            group,
            before=before.get(category),
            sentences_before=tuple(sentence for sentence in live if sentence.category == category),
        )
        for category, group in by_category(kept(judged.dispositions))
    ]
    is_stale = bool(judged.fresh) or not known.keys() <= judged.current
    return make_plan(
        snapshot,
        dispositions=judged.dispositions,
        sections=sections,
        display_name=display_name,
        model=model,
        judgements=Judgements(
            fresh=judged.fresh,
            current=judged.current,
            model="" if model is None else model_identity(model),
            recipe=JUDGING_RECIPE,
        )
        if is_stale
        else None,
        is_judged=judged.settled,
        unanswered=judged.unanswered,
    )
