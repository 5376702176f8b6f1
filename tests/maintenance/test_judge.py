"""Ambiguous lines: what is asked, when it is acted upon, and that it is asked once."""

import random
from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_core.db.database import Database
from scheduler_core.db.judgement_store import Decision, Judgement
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.domain import Attribute, EventLevel
from scheduler_core.llm.provider import Completion, FinishReason
from scheduler_core.maintenance.ambiguity import MOST_IN_GROUP, candidates, groups
from scheduler_core.maintenance.conversation import Conversation
from scheduler_core.maintenance.disposition import Verdict, dispose, kept
from scheduler_core.maintenance.judge import REASON, Judge, Judged
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService
from scheduler_core.maintenance.prompts import Subject
from scheduler_core.maintenance.question import SYSTEM, content_hash, lines_of, questions, user_prompt
from scheduler_core.maintenance.reporter import Reporter, Silent
from tests.maintenance import models
from tests.maintenance.attributes import NOON, attribute, line
from tests.maintenance.models import FakeModel, Prompt, completion

ADA = entity_named("user/ada")
SUBJECT = Subject(entity=ADA, name="Ada")
Answer = Callable[[Prompt], str | Completion]


def always(answer: str) -> Answer:
    return lambda prompt: answer


async def judged(
    *attributes: Attribute,
    model: FakeModel | None,
    known: dict[tuple[bytes, bytes], Decision] | None = None,
    reporter: Reporter | None = None,
) -> Judged:
    dispositions = dispose(attributes, today=NOON.date())
    judge = Judge(conversation=Conversation(model=model, request_timeout=1.0), reporter=reporter or Silent())
    return await judge.decide(SUBJECT, dispositions, known or {})


def verdicts(found: Judged) -> dict[int, tuple[Verdict, int | None]]:
    return {each.line.id: (each.verdict, each.of) for each in found.dispositions}


KEPT = (Verdict.KEPT, None)
COFFEE = (attribute(1, "likes coffee"), attribute(2, "loves coffee", day=1))
NO_MORE = (attribute(1, "likes coffee"), attribute(2, "does not like coffee", day=1))


async def test_lines_that_say_the_same_are_merged_when_both_orders_agree() -> None:
    model = FakeModel(always("SAME 1 2"))

    found = await judged(*COFFEE, model=model)

    assert verdicts(found) == {1: (Verdict.MERGED, 2), 2: KEPT}
    assert found.dispositions[0].reason == REASON
    first, second = (request.user for request in model.requests)
    assert first.index("[1]") < first.index("[2]")
    assert second.index("[2]") < second.index("[1]")


async def test_a_newer_statement_replaces_an_older_one() -> None:
    assert verdicts(await judged(*NO_MORE, model=FakeModel(always("NEWER 2 1")))) == {
        1: (Verdict.SUPERSEDED, 2),
        2: KEPT,
    }


async def test_idle_talk_is_dropped_but_nothing_stated() -> None:
    guessed = attribute(1, "has a headache today", source="inferred")
    stated = attribute(2, "has a cold today")

    found = await judged(guessed, stated, model=FakeModel(always("NOISE 1")))

    assert verdicts(found) == {1: (Verdict.NOISE, None), 2: KEPT}


@pytest.mark.parametrize(
    "answers",
    [
        ("SAME 1 2", "KEEP"),
        ("KEEP", "SAME 1 2"),
        ("SAME 1 2", "NEWER 2 1"),
        ("SAME 1 2", "Both say the same."),
        ("Both say the same.", "SAME 1 2"),
    ],
)
async def test_nothing_happens_unless_both_answers_agree(answers: tuple[str, str]) -> None:
    left = list(answers)
    found = await judged(*COFFEE, model=FakeModel(lambda _: left.pop(0)))
    assert verdicts(found) == {1: KEPT, 2: KEPT}
    assert found.settled


async def test_a_model_that_goes_by_position_changes_nothing() -> None:
    def first_wins(prompt: Prompt) -> str:
        return "NEWER " + " ".join(str(id_) for id_, _, _ in prompt.lines)

    assert verdicts(await judged(*NO_MORE, model=FakeModel(first_wins))) == {1: KEPT, 2: KEPT}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (attribute(1, "likes coffee"), attribute(2, "hates coffee", source="inferred", day=9)),
        (attribute(1, "likes coffee"), attribute(2, "hates coffee", confidence=0.3, day=9)),
        (attribute(1, "likes coffee", category="pinned"), attribute(2, "hates coffee", day=9)),
    ],
)
async def test_the_model_cannot_make_a_better_founded_line_lose(older: Attribute, newer: Attribute) -> None:
    assert verdicts(await judged(older, newer, model=FakeModel(always("NEWER 2 1")))) == {1: KEPT, 2: KEPT}


@pytest.mark.parametrize("answer", ["SAME 1 2", "NEWER 2 1", "NEWER 1 2", "NOISE 1", "NOISE 2", "NOISE 1 2"])
@pytest.mark.parametrize(
    "pair",
    [
        (attribute(1, "is allergic to nuts"), attribute(2, "is not allergic to nuts", day=9)),
        (attribute(1, "nuts", key="allergies"), attribute(2, "is fond of nuts", day=9)),
        (attribute(1, "runs 5 km"), attribute(2, "runs 15 km", day=9)),
        (attribute(1, "met Anna on 3 May 2025"), attribute(2, "met Anna on 4 May 2025", day=9)),
        (attribute(1, "lives in Germany"), attribute(2, "lives in Dresden", day=9)),
        (
            attribute(1, {"text": "has a cold today", "pinned": True}, source="inferred"),
            attribute(2, "asthma today", source="inferred"),
        ),
    ],
)
async def test_no_answer_outweighs_a_veto(pair: tuple[Attribute, Attribute], answer: str) -> None:
    assert verdicts(await judged(*pair, model=FakeModel(always(answer)))) == {1: KEPT, 2: KEPT}


async def test_what_was_decided_is_not_asked_again_until_a_line_changes() -> None:
    model = FakeModel(always("SAME 1 2"))
    first = await judged(*COFFEE, model=model)
    known = {(each.winner, each.loser): each.decision for each in first.fresh}
    model.requests.clear()

    again = await judged(*COFFEE, model=model, known=known)
    without = await judged(*COFFEE, model=None, known=known)

    assert model.requests == []
    assert again.fresh == ()
    assert verdicts(again) == verdicts(without) == verdicts(first)
    changed = (COFFEE[0], attribute(2, "adores his coffee", day=1), attribute(3, "enjoys coffee", day=2))
    await judged(*changed, model=model, known=known)
    assert len(model.requests) >= 1


async def test_an_unwelcome_answer_is_remembered_too() -> None:
    model = FakeModel(always("I would rather talk about the weather."))
    found = await judged(*COFFEE, model=model)
    assert [each.decision for each in found.fresh] == [Decision.KEEP]


async def test_without_an_answer_the_next_run_asks() -> None:
    found = await judged(*COFFEE, model=FakeModel(models.crashing))
    assert found.fresh == ()
    assert not found.settled
    assert found.unanswered == (FinishReason.CRASHED,)


async def test_an_answer_that_did_not_end_decides_nothing() -> None:
    model = FakeModel(lambda _: completion("SAME 1 2", FinishReason.LENGTH))
    assert verdicts(await judged(*COFFEE, model=model)) == {1: KEPT, 2: KEPT}


async def test_lines_without_evidence_cost_no_request() -> None:
    model = FakeModel(always("SAME 1 2"))
    await judged(attribute(1, "likes tea"), attribute(2, "likes coffee"), model=model)
    assert model.requests == []


async def test_the_log_names_ids_and_no_values() -> None:
    class Notes(Silent):
        lines: tuple[str, ...] = ()

        async def log(self, level: EventLevel, message: str) -> None:
            self.lines += (message,)

    notes = Notes()
    await judged(*COFFEE, model=FakeModel(always("SAME 1 2")), reporter=notes)
    assert notes.lines == ("user/ada: merged into by model, both orders agreed: attributes 1.",)


TEXTS = (
    "likes coffee", "loves coffee", "hates coffee", "coffee", "mag Kaffee", "does not like coffee",
    "used to like coffee", "plays chess", "plays chess since 2015", "lives in Dresden",
    "lives in Dresden, Germany", "now lives in Oslo", "has a headache today", "hello",
)  # fmt: skip


@given(st.data())
@settings(deadline=None)
async def test_whatever_is_decided_every_chain_ends_at_a_line_that_stays(data: st.DataObject) -> None:
    """Also: what must be kept, what is pinned and what was stated is never dropped as noise."""
    attributes = [
        attribute(
            id_,
            data.draw(st.sampled_from(TEXTS)),
            key=data.draw(st.sampled_from(["note", "likes", "dislikes", "health", "favorite color"])),
            source=data.draw(st.sampled_from(["explicit", "inferred"])),
            confidence=data.draw(st.sampled_from([0.2, 0.5, 0.9])),
            day=data.draw(st.integers(0, 9)),
        )
        for id_ in range(1, data.draw(st.integers(2, 12)))
    ]
    found = candidates(kept(dispose(attributes, today=NOON.date())))
    known = {
        (content_hash(ADA, each.winner), content_hash(ADA, each.loser)): data.draw(
            st.sampled_from([each.permitted, Decision.KEEP, *Decision])
        )
        for each in found
    }

    result = await judged(*attributes, model=None, known=known)

    assert_nothing_is_lost(result)


def assert_nothing_is_lost(result: Judged) -> None:
    of = {each.line.id: each for each in result.dispositions}
    for each in result.dispositions:
        end = each
        seen = set()
        while end.of is not None:
            assert end.line.id not in seen
            seen.add(end.line.id)
            end = of[end.of]
        if each.of is not None:
            assert end.verdict is Verdict.KEPT
        if each.reason == REASON and each.line.must_keep:
            assert end.line.must_keep
            assert end.verdict is Verdict.KEPT
        if each.reason == REASON and each.verdict is Verdict.NOISE:
            assert each.line.attribute.source != "explicit"


@given(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=60), st.randoms(use_true_random=False))
def test_groups_are_small_complete_and_independent_of_the_order(
    texts: list[str], chance: random.Random
) -> None:
    lines = [line(id_, f"{text} {id_ % 3 or ''}") for id_, text in enumerate(texts, 1)]
    found = candidates(lines)
    together = groups(found)

    assert sorted((each for group in together for each in group), key=lambda each: each.ids) == list(found)
    assert all(len(lines_of(group)) <= MOST_IN_GROUP for group in together)
    assert candidates(chance.sample(lines, len(lines))) == found


@given(context=st.integers(0, 3_000), count=st.integers(1, 60), size=st.integers(1, 400))
def test_a_question_never_exceeds_the_context(context: int, count: int, size: int) -> None:
    lines = [line(id_, f"likes {'x' * size}{id_ // 2}") for id_ in range(2 * count)]
    together = [lines_of(group) for group in groups(candidates(lines))]
    asked = questions(together, SUBJECT, context_tokens=context, count_tokens=len)
    for part, question in enumerate(asked, 1):
        for is_reversed in (False, True):
            user = user_prompt(SUBJECT, question.groups, part=part, parts=len(asked), is_reversed=is_reversed)
            assert len(SYSTEM) + len(user) + question.answer_tokens < context


async def test_decisions_are_stored_used_and_forgotten_with_their_lines(
    store: ProfileStore, database: Database
) -> None:
    await store.add(
        [
            NewAttribute(entity=ADA, category="preference", key="note", value="likes coffee"),
            NewAttribute(entity=ADA, category="preference", key="note", value="loves coffee"),
        ]
    )

    def answer(prompt: Prompt) -> str:
        ids = sorted(id_ for id_, _, _ in prompt.lines)
        return f"SAME {ids[0]} {ids[1]}" if prompt.marker.startswith("Question") else models.perfect(prompt)

    model = FakeModel(answer)
    service = ProfileMaintenanceService(store=store, model=model)
    (first,) = (await service.maintain_changed(run_id=uuid4())).entities
    assert (first.merged, first.kept) == (1, 1)
    asked = len(model.requests)

    await store.add([NewAttribute(entity=ADA, category="fact", key="shoe size", value=39)])
    (second,) = (await service.maintain_changed(run_id=uuid4())).entities
    assert (second.merged, second.kept) == (1, 2)
    assert [request.user for request in model.requests[asked:] if "Question" in request.user] == []

    async with database.connection() as connection:
        await connection.execute("DELETE FROM entity_profile_attributes WHERE value::text LIKE '%loves%'")
    (third,) = (await service.maintain_changed(run_id=uuid4())).entities
    assert (third.merged, third.kept) == (0, 2)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM entity_profile_judgements") == 0


async def test_decisions_go_with_their_profile_and_belong_to_their_model(
    store: ProfileStore, database: Database
) -> None:
    await store.add([NewAttribute(entity=ADA, category="fact", key="note", value="likes coffee")])
    judgement = Judgement(b"w" * 32, b"l" * 32, Decision.SAME)
    current = frozenset({(judgement.winner, judgement.loser)})
    await store.judgements.keep(ADA, [judgement], current=current, model="m", recipe=1)

    keys = {(judgement.winner, judgement.loser): Decision.SAME}
    assert await store.judgements.known(ADA, model="m", recipe=1) == keys
    assert await store.judgements.known(ADA, model=None, recipe=1) == keys
    assert await store.judgements.known(ADA, model="other", recipe=1) == {}
    assert await store.judgements.known(ADA, model="m", recipe=2) == {}
    async with database.connection() as connection:
        await connection.execute("DELETE FROM entity_profiles")
        assert await connection.fetchval("SELECT count(*) FROM entity_profile_judgements") == 0
