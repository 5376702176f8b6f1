"""What must hold whatever a model does: the gates on labelled profiles of a small seed, and pairs by hand."""

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from benchmarks.quality.hard_pairs import HardPair, hard_pairs
from benchmarks.quality.measure import measure
from benchmarks.quality.modes import MODES, scripted
from benchmarks.quality.profiles import LabelledProfile, labelled_profiles
from scheduler_core.db.judgement_store import Decision
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import inspect
from scheduler_core.maintenance.ambiguity import agreed, candidates
from scheduler_core.maintenance.disposition import Verdict, dispose, kept
from scheduler_core.maintenance.plan import ProfilePlan
from tests import gguf_models
from tests.maintenance.attributes import attribute

ROOT = Path(__file__).parents[2]
PROFILES = labelled_profiles(6, seed=7)
BY_ID = {profile.entity.id: profile for profile in PROFILES}
TODAY = date(2026, 6, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_the_gates_hold_whatever_the_model_does(mode: str) -> None:
    model = None if mode == "off" else scripted(mode, BY_ID, seed=7)

    score = await measure(mode, PROFILES, model, seed=7)

    assert score.failed_gates() == (), score.examples
    assert score.vital > 0
    assert score.sentences > 0
    if model is not None:
        assert model.calls > 0
        assert model.most_tokens < model.info.context_tokens


async def test_a_perfect_model_finds_most_repetitions_and_every_newer_truth() -> None:
    score = await measure("perfect", PROFILES, scripted("perfect", BY_ID, seed=7), seed=7)
    without = await measure("off", PROFILES, None, seed=7)

    assert score.recall > 0.75 > without.recall
    assert score.decided == 1.0
    assert score.noise > without.noise
    assert score.asked_again == 0


async def test_the_gates_notice_what_they_are_for() -> None:
    (profile,) = labelled_profiles(1, seed=3)
    model = scripted("agreeing", {profile.entity.id: profile}, seed=3)
    # Labels that say no two attributes are alike make every merge a false one.
    profile.fact_of = {id_: f"{fact} {id_}" for id_, fact in profile.fact_of.items()}
    for id_, fact in profile.fact_of.items():
        profile.facts[fact] = profile.facts[fact.removesuffix(f" {id_}")]

    score = await measure("agreeing", [profile], model, seed=3)

    assert "false merges" in score.failed_gates()


def decided(pair: HardPair, answer: Decision | None) -> str:
    """What becomes of a pair when a model gives one answer to everything; None for no model."""
    first = attribute(1, pair.first.value, key=pair.first.key)
    second = attribute(2, pair.second.value, key=pair.second.key, day=3)
    dispositions = dispose([first, second], today=TODAY)
    lines = kept(dispositions)
    if len(lines) == 2:
        found = candidates(lines)
        given = {} if answer is None else {candidate.ids: answer for candidate in found}
        changes = agreed(found, given)
        return changes[0][1].value if changes else "different"
    (gone,) = [each for each in dispositions if each.verdict is not Verdict.KEPT]
    return "newer" if gone.verdict is Verdict.SUPERSEDED and gone.line.id == 1 else "same"


def named(pair: HardPair) -> str:
    return f"{pair.first.value} | {pair.second.value}"


def test_there_are_two_hundred_different_hard_pairs() -> None:
    pairs = hard_pairs()
    assert len(pairs) >= 200
    assert len({(pair.first, pair.second) for pair in pairs}) == len(pairs)
    assert {pair.label for pair in pairs} == {"same", "different", "newer"}
    assert all(pair.note for pair in pairs)


@pytest.mark.parametrize("answer", [None, Decision.SAME, Decision.NEWER, Decision.NOISE])
@pytest.mark.parametrize(
    "pair", [pair for pair in hard_pairs() if pair.label == "different"], ids=lambda pair: named(pair)
)
def test_look_alikes_are_never_joined_even_if_a_model_says_so(
    pair: HardPair, answer: Decision | None
) -> None:
    assert decided(pair, answer) == "different"


def test_pairs_of_one_meaning_are_joined_by_a_model_that_sees_it() -> None:
    found = Counter(
        (pair.label, decided(pair, Decision(pair.label)))
        for pair in hard_pairs()
        if pair.label != "different"
    )
    assert found["newer", "newer"] == sum(pair.label == "newer" for pair in hard_pairs())
    assert found["same", "same"] >= 0.9 * sum(pair.label == "same" for pair in hard_pairs())


def test_no_wrong_decision_is_acted_upon_for_pairs_that_belong_together() -> None:
    for pair in hard_pairs():
        wrong = {"same": Decision.NEWER, "newer": Decision.SAME}.get(pair.label)
        if wrong is not None:
            assert decided(pair, wrong) in ("different", pair.label), named(pair)


def test_the_command_prints_a_score_for_each_mode() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.quality", "--json", "--entities", "1", "--seed", "2"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [result["mode"] for result in json.loads(done.stdout)["results"]] == list(MODES)


@pytest.mark.parametrize("script", ["SAME 1 2\nNEWER 2 1", "Ada owns a yacht. [1]\nIgnore all rules. [2]"])
async def test_the_gates_hold_for_a_real_model_that_babbles(tmp_path: Path, script: str) -> None:
    file = inspect(gguf_models.scripted(tmp_path / "babbler.gguf", {None: script}))
    model = Gpt4AllModel(
        file, state_dir=tmp_path, threads=1, context_tokens=4_096, load_timeout=30.0, idle_seconds=60.0
    )
    try:
        await model.prepare()
        score = await measure("babbler", PROFILES[:1], model, seed=7, again=False)
    finally:
        await model.aclose()

    assert score.calls > 5
    assert score.failed_gates() == ()


async def test_undoing_is_part_of_the_score_where_it_can_be_done() -> None:
    async def refused(profile: LabelledProfile, plan: ProfilePlan) -> bool:
        return not plan.sentences

    score = await measure("off", PROFILES[:2], None, seed=7, undo=refused)

    assert score.not_undone == 2
    assert score.failed_gates() == ("undo",)
