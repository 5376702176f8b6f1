"""The whole pipeline on the shipped example, with models that behave well and models that do not."""

import asyncio
import json
import re
from uuid import uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.domain import Entity, EventLevel, Sentence
from scheduler_core.errors import NotFoundError, StateError
from scheduler_core.llm.provider import Completion, FinishReason
from scheduler_core.maintenance.citations import Cited
from scheduler_core.maintenance.disposition import Line, dispose, kept
from scheduler_core.maintenance.plan import subject_of
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService
from scheduler_core.maintenance.reporter import Silent
from scheduler_core.maintenance.summary import name_words
from scheduler_core.maintenance.verifier import verify
from tests.maintenance import models
from tests.maintenance.models import Answer, FakeModel, Prompt, completion
from tests.maintenance.scripts import good_scripts

ADA = entity_named("user/ada")


class Notes(Silent):
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[EventLevel, str]] = []
        self.steps: list[str] = []

    async def log(self, level: EventLevel, message: str) -> None:
        self.lines.append((level, message))

    async def progress(self, text: str) -> None:
        self.steps.append(text)


def service(store: ProfileStore, answer: Answer | None) -> tuple[ProfileMaintenanceService, FakeModel]:
    model = FakeModel(answer or models.perfect)
    return ProfileMaintenanceService(store=store, model=model if answer else None), model


async def published(store: ProfileStore, entity: Entity) -> tuple[Sentence, ...]:
    return (await store.versions(entity))[0].sentences


async def kept_lines(store: ProfileStore, entity: Entity) -> tuple[Line, ...]:
    snapshot = await store.snapshot(entity)
    assert snapshot is not None
    return kept(dispose(snapshot.attributes, today=snapshot.at.date()))


async def everybody(store: ProfileStore) -> list[Entity]:
    return [listing.profile.entity for listing in await store.entities()]


async def assert_true_to_sources(store: ProfileStore) -> None:
    """Every live sentence passes the verifier, and every line that must be kept is in one."""
    for entity in await everybody(store):
        lines = await kept_lines(store, entity)
        subject, _ = subject_of(entity, lines)
        sentences = await published(store, entity)
        draft = [Cited(sentence.text, sentence.attribute_ids) for sentence in sentences]
        assert verify(draft, lines, names=name_words(subject), secret="zq-none") == ()
        assert {line.id for line in lines if line.must_keep} <= {
            id_ for sentence in sentences for id_ in sentence.attribute_ids
        }


# Words of the template's and the scripted models' own sentences.
FRAME = {
    "lives",
    "lebt",
    "is",
    "in",
    "years",
    "old",
    "allergic",
    "to",
    "the",
    "full",
    "name",
    "yes",
    "no",
    "s",
}


async def assert_no_foreign_word(store: ProfileStore) -> None:
    """Every word of a live sentence is in its attributes; knows nothing of the verifier."""
    for entity in await everybody(store):
        raw = {attribute.id: attribute for attribute in await store.attributes(entity)}
        name = next(str(each.value) for each in raw.values() if each.key.lower() == "name")
        for sentence in await published(store, entity):
            given = " ".join(
                f"{raw[id_].key} {json.dumps(raw[id_].value, ensure_ascii=False)}"
                for id_ in sentence.attribute_ids
            )
            given = re.sub(r"\\u001b\[\d+m", " ", given)
            allowed = set(re.findall(r"\w+", f"{given} {name}".lower().replace("_", " "))) | FRAME
            assert set(re.findall(r"\w+", sentence.text.lower())) <= allowed


@pytest.mark.parametrize(
    "answer",
    [
        None,
        models.perfect,
        models.garbage,
        models.endless,
        models.crashing,
        models.injecting,
        models.inventing,
        models.forgetting,
        models.swapping,
        models.denying,
    ],
    ids=lambda answer: answer.__name__ if answer else "no model",
)
async def test_whatever_the_model_does_only_supported_sentences_are_published_and_nothing_vital_is_lost(
    example: ProfileStore, answer: Answer | None
) -> None:
    maintenance, _ = service(example, answer)

    outcome = await maintenance.maintain_changed(run_id=uuid4())

    assert (outcome.changed, outcome.failed, outcome.moved) == (8, 0, 0)
    await assert_true_to_sources(example)
    await assert_no_foreign_word(example)


@pytest.mark.parametrize(
    "answer", [models.garbage, models.injecting, models.inventing, models.swapping, models.denying]
)
async def test_a_bad_draft_is_retried_once_then_replaced_by_the_template_and_kept_for_reading(
    example: ProfileStore, answer: Answer
) -> None:
    maintenance, model = service(example, answer)

    outcome = await maintenance.maintain(ADA, run_id=None)

    (ada,) = outcome.entities
    drafts = await example.drafts(ADA)
    refused = {draft.category for draft in drafts}
    assert refused
    assert ada.drafts_refused == len(drafts) == 2 * len(refused)
    assert all(draft.failures for draft in drafts)
    retries = [request for request in model.requests if Prompt.of(request).is_retry]
    assert len(retries) == len(refused)
    assert all("was refused" in request.user for request in retries)
    assert not any(
        sentence.category in refused and sentence.text.startswith("Ada")
        for sentence in await published(example, ADA)
    )


async def test_a_good_model_words_nearly_everything(example: ProfileStore) -> None:
    maintenance, _ = service(example, models.perfect)

    outcome = await maintenance.maintain_changed(run_id=uuid4())

    assert sum(entity.drafts_refused for entity in outcome.entities) == 0
    assert all(entity.from_template == 0 for entity in outcome.entities)
    assert outcome.suspicious == ()


async def test_a_second_try_that_passes_is_published(example: ProfileStore) -> None:
    def learning(prompt: Prompt) -> str:
        return models.perfect(prompt) if prompt.is_retry else models.inventing(prompt)

    maintenance, _ = service(example, learning)

    outcome = await maintenance.maintain(ADA, run_id=None)

    (ada,) = outcome.entities
    assert ada.from_template == 0
    assert ada.drafts_refused > 0


async def test_orders_in_the_data_never_reach_the_model_or_the_summary(example: ProfileStore) -> None:
    maintenance, model = service(example, models.perfect)

    await maintenance.maintain_changed(run_id=None)

    prompts = "\n".join(request.user for request in model.requests)
    for phrase in (
        "previous instructions",
        "Systemprompt",
        "im_start",
        "collect.example",
        "pirate",
        "Administrator",
    ):
        assert phrase not in prompts
        for entity in await everybody(example):
            assert phrase not in (await example.summary(entity) or "")
    assert "\x1b" not in prompts


async def test_no_personal_text_is_in_the_outcome_or_the_log(
    example: ProfileStore, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    maintenance, _ = service(example, models.inventing)

    outcome = await maintenance.maintain_changed(run_id=None, reporter=notes)

    told = (
        json.dumps(outcome.as_json(), ensure_ascii=False)
        + repr(notes.lines)
        + repr(notes.steps)
        + caplog.text
    )
    for word in ("Lindqvist", "Dresden", "enicillin", "Monaco", "Metoprolol", "yacht", "Mila", "Bristol"):
        assert word not in told


async def test_a_second_run_over_unchanged_profiles_asks_nothing(example: ProfileStore) -> None:
    maintenance, model = service(example, models.perfect)
    await maintenance.maintain_changed(run_id=None)
    asked = len(model.requests)

    outcome = await maintenance.maintain_changed(run_id=None)

    assert outcome.is_unchanged
    assert (outcome.profiles, outcome.unchanged, outcome.entities) == (8, 8, ())
    assert len(model.requests) == asked
    named = await maintenance.maintain(ADA, run_id=None)
    assert named.is_unchanged
    assert len(model.requests) == asked


async def test_refused_categories_are_not_asked_again_while_nothing_changes(example: ProfileStore) -> None:
    maintenance, model = service(example, models.garbage)
    await maintenance.maintain_changed(run_id=None)
    asked = len(model.requests)

    assert (await maintenance.maintain_changed(run_id=None)).is_unchanged
    assert len(model.requests) == asked


async def test_a_change_costs_requests_for_its_category_only(example: ProfileStore) -> None:
    maintenance, model = service(example, models.perfect)
    await maintenance.maintain_changed(run_id=None)
    model.requests.clear()
    await example.add([NewAttribute(entity=ADA, category="interest", key="hobbies", value="sourdough bread")])

    outcome = await maintenance.maintain_changed(run_id=None)

    assert (outcome.changed, outcome.unchanged) == (1, 7)
    assert [Prompt.of(request).marker for request in model.requests] == [
        "Subject: user/ada · interest · part 1 of 1."
    ]
    assert outcome.entities[0].reused > 10
    assert "sourdough" in (await example.summary(ADA) or "")


async def test_a_change_that_changes_no_sentence_makes_no_version(example: ProfileStore) -> None:
    maintenance, _ = service(example, models.perfect)
    await maintenance.maintain_changed(run_id=None)
    await example.add([NewAttribute(entity=ADA, category="context", key="mood", value="unknown")])

    outcome = await maintenance.maintain_changed(run_id=None)

    assert [entity.result for entity in outcome.entities] == ["unchanged"]
    assert outcome.is_unchanged
    assert len(await example.versions(ADA)) == 1
    assert (await maintenance.maintain_changed(run_id=None)).entities == ()


async def test_a_summary_made_without_a_model_is_made_again_when_there_is_one(example: ProfileStore) -> None:
    without, _ = service(example, None)
    first = await without.maintain_changed(run_id=None)
    assert first.model is None
    assert first.as_json()["without_model"] is True
    assert (await without.maintain_changed(run_id=None)).is_unchanged

    maintenance, model = service(example, models.perfect)
    outcome = await maintenance.maintain_changed(run_id=None)

    assert outcome.changed == 8
    assert model.requests
    profile = await example.profile(ADA)
    assert profile is not None
    assert profile.summary_model == model.info.checksum


async def test_a_model_that_stops_answering_is_left_alone_and_asked_again_by_the_next_run(
    example: ProfileStore,
) -> None:
    maintenance, model = service(example, models.crashing)

    outcome = await maintenance.maintain_changed(run_id=None)

    assert len(model.requests) == 2
    assert outcome.changed == 8
    assert any("stopped answering" in reason for reason in outcome.suspicious)
    recovered, again = service(example, models.perfect)
    assert (await recovered.maintain_changed(run_id=None)).changed == 8
    assert again.requests


async def test_unchanged_categories_keep_the_words_of_a_model_that_is_gone(example: ProfileStore) -> None:
    maintenance, _ = service(example, models.perfect)
    await maintenance.maintain_changed(run_id=None)
    await example.add([NewAttribute(entity=ADA, category="interest", key="hobbies", value="sourdough bread")])
    without, _ = service(example, None)

    outcome = await without.maintain_changed(run_id=None)

    (ada,) = outcome.entities
    assert ada.from_model > 10
    assert ada.from_template >= 1


async def test_one_broken_profile_does_not_stop_the_others(example: ProfileStore, database: Database) -> None:
    async with database.connection() as connection:
        # A number too long for this Python, which only a hand can have put there.
        await connection.execute(
            "INSERT INTO entity_profile_attributes (entity_type, entity_id, category, key, value) "
            f"VALUES ('user', 'ada', 'fact', 'number', '{'9' * 5000}')"
        )
    notes = Notes()
    maintenance, _ = service(example, models.perfect)

    outcome = await maintenance.maintain_changed(run_id=None, reporter=notes)

    assert (outcome.changed, outcome.failed) == (7, 1)
    failed = next(entity for entity in outcome.entities if entity.result == "failed")
    assert failed.entity == "user/ada"
    assert failed.error_id is not None
    assert any(failed.error_id in message for _, message in notes.lines)


async def test_a_plan_writes_nothing_and_is_applied_as_it_was(example: ProfileStore) -> None:
    maintenance, _ = service(example, models.perfect)

    plan = await maintenance.plan(ADA)

    assert await example.summary(ADA) is None
    run_id = uuid4()
    version = await maintenance.apply(plan, run_id=run_id)
    assert version is not None
    assert (version.version, version.sentences) == (1, plan.sentences)
    assert await example.summary(ADA) == plan.publication.summary
    (change,) = await example.changes_of_run(run_id)
    assert change.before is None
    assert change.after == version


async def test_a_plan_is_refused_once_an_attribute_changed(example: ProfileStore) -> None:
    maintenance, _ = service(example, models.perfect)
    plan = await maintenance.plan(ADA)
    await example.add([NewAttribute(entity=ADA, category="fact", key="shoe size", value=39)])

    with pytest.raises(StateError):
        await maintenance.apply(plan, run_id=None)

    assert await example.summary(ADA) is None
    assert await example.versions(ADA) == ()


async def test_a_plan_is_refused_once_another_was_applied(example: ProfileStore) -> None:
    maintenance, _ = service(example, models.perfect)
    first, second = await maintenance.plan(ADA), await maintenance.plan(ADA)
    await maintenance.apply(first, run_id=None)

    with pytest.raises(StateError):
        await maintenance.apply(second, run_id=None)

    assert len(await example.versions(ADA)) == 1


async def test_cancelling_loses_only_the_entity_in_hand(example: ProfileStore) -> None:
    running: list[asyncio.Task[object]] = []

    def interrupting(prompt: Prompt) -> str:
        if "user/ada" in prompt.marker:
            running[0].cancel()
        return models.perfect(prompt)

    maintenance, _ = service(example, interrupting)
    running.append(asyncio.create_task(_maintain(maintenance)))
    with pytest.raises(asyncio.CancelledError):
        await running[0]

    done = {str(entity) for entity in await everybody(example) if await example.summary(entity) is not None}
    assert {"bot/brumm", "bot/nova"} <= done
    assert "user/sam" not in done


async def _maintain(maintenance: ProfileMaintenanceService) -> object:
    return await maintenance.maintain_changed(run_id=None)


async def test_a_deleted_attribute_is_gone_from_the_summary_within_one_run(
    example: ProfileStore, database: Database
) -> None:
    maintenance, _ = service(example, models.perfect)
    await maintenance.maintain_changed(run_id=None)
    assert "enicillin" in (await example.summary(ADA) or "")
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM entity_profile_attributes "
            "WHERE entity_id = 'ada' AND value::text ILIKE '%penicillin%'"
        )

    await maintenance.maintain_changed(run_id=None)

    assert "enicillin" not in (await example.summary(ADA) or "")


async def test_a_profile_without_attributes_has_no_summary_and_is_looked_at_once(
    example: ProfileStore, database: Database
) -> None:
    maintenance, _ = service(example, models.perfect)
    await maintenance.maintain_changed(run_id=None)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM entity_profile_attributes WHERE entity_id = 'ada'")
        await connection.execute(
            "INSERT INTO entity_profiles (entity_type, entity_id) VALUES ('user', 'new')"
        )

    outcome = await maintenance.maintain_changed(run_id=None)

    assert [(entity.entity, entity.result) for entity in outcome.entities] == [
        ("user/ada", "changed"),
        ("user/new", "unchanged"),
    ]
    assert await example.summary(ADA) is None
    assert (await maintenance.maintain_changed(run_id=None)).entities == ()


async def test_the_display_name_comes_from_a_stated_name_only(store: ProfileStore) -> None:
    stated, guessed, prose = (entity_named(f"user/{name}") for name in ("stated", "guessed", "prose"))
    await store.add(
        [
            NewAttribute(entity=stated, category="fact", key="name", value="Zoë O'Hara"),
            NewAttribute(entity=guessed, category="fact", key="name", value="Bob", source="inferred"),
            NewAttribute(entity=prose, category="fact", key="bio", value="He is a nurse"),
        ]
    )
    maintenance, _ = service(store, None)
    await maintenance.maintain_changed(run_id=None)

    names = {listing.profile.entity: listing.profile.display_name for listing in await store.entities()}
    assert names == {stated: "Zoë O'Hara", guessed: None, prose: None}


async def test_prompts_fit_into_a_small_context_and_no_line_is_left_out(example: ProfileStore) -> None:
    model = FakeModel(models.perfect, context_tokens=900)
    maintenance = ProfileMaintenanceService(store=example, model=model)

    await maintenance.maintain_changed(run_id=None)

    assert any("part 2 of" in request.user for request in model.requests)
    for request in model.requests:
        used = model.count_tokens(request.system) + model.count_tokens(request.user) + request.max_tokens
        assert used < model.context_tokens
    for entity in await everybody(example):
        cited = {id_ for sentence in await published(example, entity) for id_ in sentence.attribute_ids}
        assert cited == {line.id for line in await kept_lines(example, entity)}


async def test_the_complaints_of_a_retry_fit_too(example: ProfileStore) -> None:
    model = FakeModel(models.swapping, context_tokens=900)
    maintenance = ProfileMaintenanceService(store=example, model=model)

    await maintenance.maintain_changed(run_id=None)

    retries = [request for request in model.requests if Prompt.of(request).is_retry]
    assert retries
    for request in retries:
        used = model.count_tokens(request.system) + model.count_tokens(request.user) + request.max_tokens
        assert used < model.context_tokens


async def test_an_answer_that_did_not_end_is_never_used(example: ProfileStore) -> None:
    def unfinished(prompt: Prompt) -> Completion:
        return completion(models.perfect(prompt), FinishReason.LENGTH)

    maintenance, _ = service(example, unfinished)

    outcome = await maintenance.maintain(ADA, run_id=None)

    assert outcome.entities[0].from_model == 0
    assert any("no sentence of the model" in reason for reason in outcome.suspicious)


async def test_repeating_the_instructions_is_noticed(example: ProfileStore) -> None:
    def leaking(request_text: str) -> str:
        return request_text.rpartition("the word ")[2].rstrip(".\n")

    model = FakeModel(models.perfect)

    def answer(prompt: Prompt) -> str:
        return f"My rules mention {leaking(model.requests[-1].system)}\n{models.perfect(prompt)}"

    model.answer = answer
    maintenance = ProfileMaintenanceService(store=example, model=model)

    outcome = await maintenance.maintain(ADA, run_id=None)

    assert outcome.entities[0].from_model == 0
    assert "repeats the instructions" in outcome.entities[0].refusals


async def test_five_thousand_attributes_are_summarised_without_losing_one(store: ProfileStore) -> None:
    entity = entity_named("user/collector")
    await store.add(
        [
            NewAttribute(entity=entity, category="fact", key=f"shelf {n % 50}", value=f"book number {n}")
            for n in range(5_000)
        ]
    )
    maintenance, _ = service(store, None)

    outcome = await maintenance.maintain_changed(run_id=None)

    assert outcome.entities[0].kept == 5_000
    cited = [id_ for sentence in await published(store, entity) for id_ in sentence.attribute_ids]
    assert len(cited) == len(set(cited)) == 5_000


async def test_an_unknown_profile_is_said_to_be_unknown(store: ProfileStore) -> None:
    maintenance, _ = service(store, None)
    with pytest.raises(NotFoundError):
        await maintenance.maintain(entity_named("user/nobody"), run_id=None)


async def test_good_scripts_answer_every_prompt_of_the_example(example: ProfileStore) -> None:
    scripts = await good_scripts(example, context_tokens=8192, count_tokens=lambda text: len(text) // 4 + 1)

    maintenance, model = service(example, lambda prompt: scripts[prompt.marker])
    outcome = await maintenance.maintain_changed(run_id=None)

    assert len(scripts) == len(model.requests) <= 64
    assert all(entity.from_template == 0 for entity in outcome.entities)
    markers = list(scripts)
    assert not any(one in other for one in markers for other in markers if one is not other)
