"""A stored plan is the plan: nothing is lost on the way to the database and back."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_core.db.database import Database
from scheduler_core.db.judgement_store import Decision, Judgement
from scheduler_core.db.plan_store import PlanStore, plan_text, save_plans
from scheduler_core.db.profile_rows import Draft, Publication
from scheduler_core.domain import Entity, EntityType, Sentence
from scheduler_core.errors import StateError
from scheduler_core.llm.provider import FinishReason
from scheduler_core.maintenance.disposition import Verdict
from scheduler_core.maintenance.plan import Judgements, ProfilePlan, Ruling
from scheduler_core.maintenance.plan_json import plan_json, plans_json, plans_of
from scheduler_core.maintenance.summary import Section
from scheduler_core.maintenance.verifier import Fault
from tests.db.test_profile_history import new_run

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ids = st.lists(st.integers(1, 2**31 - 1), max_size=4).map(tuple)
count = st.integers(0, 2**40)
hashes = st.tuples(st.binary(max_size=8), st.binary(max_size=8))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
sentences = st.builds(Sentence, text=words, category=words, attribute_ids=ids)
drafts = st.builds(
    Draft, category=words, text=words, failures=st.lists(words, max_size=2).map(tuple), attribute_ids=ids
)
sections = st.builds(
    Section,
    category=words,
    fingerprint=words,
    sentences=st.lists(sentences, max_size=3).map(tuple),
    from_model=count,
    settled=st.booleans(),
    reused=st.booleans(),
    drafts=st.lists(drafts, max_size=2).map(tuple),
    faults=st.lists(st.sampled_from(Fault), max_size=2).map(tuple),
    unanswered=st.lists(st.sampled_from(FinishReason), max_size=2).map(tuple),
)
judgements = st.builds(
    Judgements,
    fresh=st.lists(
        st.builds(lambda pair, word: Judgement(pair[0], pair[1], word), hashes, st.sampled_from(Decision)),
        max_size=2,
    ).map(tuple),
    current=st.frozensets(hashes, max_size=3),
    model=words,
    recipe=count,
)
rulings = st.builds(
    Ruling,
    attribute_id=count,
    verdict=st.sampled_from(Verdict),
    of=st.none() | count,
    reason=words,
)


@st.composite
def plans(draw: st.DrawFn) -> ProfilePlan:
    """Any plan that holds together as `make_plan` promises."""
    name = draw(st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=1, max_size=9))
    entity = Entity(draw(st.sampled_from(EntityType)), name)
    parts = tuple(draw(st.lists(sections, max_size=3)))
    return ProfilePlan(
        entity=entity,
        rulings=tuple(draw(st.lists(rulings, max_size=3))),
        sections=parts,
        before=tuple(draw(st.lists(sentences, max_size=3))),
        publication=Publication(
            entity=entity,
            revision=draw(count),
            after_version=draw(count),
            summary=draw(st.none() | words),
            sentences=tuple(sentence for part in parts for sentence in part.sentences),
            model=draw(st.none() | words),
            recipe=draw(count),
            display_name=draw(st.none() | words),
            details=draw(st.dictionaries(words, values, max_size=3)),
        ),
        drafts=tuple(draft for part in parts for draft in part.drafts),
        is_changed=draw(st.booleans()),
        suspicious=tuple(draw(st.lists(words, max_size=2))),
        judgements=draw(st.none() | judgements),
    )


@given(st.lists(plans(), max_size=3))
def test_a_plan_comes_back_from_json_as_it_was(planned: list[ProfilePlan]) -> None:
    assert plans_of(json.loads(plan_text(plans_json(planned)))) == tuple(planned)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(plans(), max_size=3))
async def test_a_plan_comes_back_from_the_database_as_it_was(
    database: Database, planned: list[ProfilePlan]
) -> None:
    run = await new_run(database, "dry_run")
    async with database.transaction() as connection:
        await save_plans(connection, {run: plan_text(plans_json(planned))})
    assert plans_of((await PlanStore(database).read(run)).plan) == tuple(planned)


@given(plans())
def test_a_plan_that_was_scrubbed_is_refused_by_name(plan: ProfilePlan) -> None:
    stored = {"format": 1, "changes": [{**plan_json(plan), "redacted": True}]}
    del stored["changes"][0]["apply"]  # type: ignore[index]
    with pytest.raises(StateError, match=str(plan.entity)):
        plans_of(stored)


@pytest.mark.parametrize("stored", [{}, {"format": 99, "changes": []}, {"changes": []}])
def test_a_plan_of_another_release_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="another release"):
        plans_of(stored)
