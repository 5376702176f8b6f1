"""What may become one memory and what never may, by code alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.memory_pairs import Pair, hard_pairs
from scheduler_core.maintenance.contrasts import contrast
from scheduler_core.maintenance.differences import difference
from scheduler_core.maintenance.language import stem
from scheduler_core.maintenance.likeness import Band, contains, likeness
from scheduler_core.maintenance.statements import Statement

PAIRS = hard_pairs()


def band(left: str, right: str, *, cosine: float | None = None, wording: float | None = None) -> Band:
    return likeness(Statement(text=left), Statement(text=right), cosine=cosine, wording=wording).band


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.label == "different"], ids=str)
def test_different_memories_are_never_the_same_by_code_however_near_their_vectors(pair: Pair) -> None:
    assert band(pair.left, pair.right, cosine=1.0, wording=1.0) is not Band.SAME


def test_what_code_calls_the_same_by_hand_is_the_same_and_enough_is_found() -> None:
    found = [pair for pair in PAIRS if band(pair.left, pair.right) is Band.SAME]
    assert {pair.label for pair in found} == {"same", "added"}
    assert len(found) >= 18


def test_most_look_alikes_are_vetoed_before_a_model_could_be_asked() -> None:
    different = [pair for pair in PAIRS if pair.label == "different"]
    asked = [pair for pair in different if band(pair.left, pair.right, cosine=0.9) is Band.ASK]
    assert len(asked) <= 0.15 * len(different)
    same = [pair for pair in PAIRS if pair.label == "same"]
    reached = [pair for pair in same if band(pair.left, pair.right, cosine=0.9) is not Band.APART]
    assert len(reached) >= 0.6 * len(same)


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("Has 2 cats", "Has 3 cats", "numbers"),
        ("Has two cats", "Has thirteen cats", "numbers"),
        ("Runs 10 km", "Runs 10 miles", "numbers"),
        ("Born on 3 May 1990", "Born on 4 May 1990", "dates"),
        ("Due on 03/04/2026", "Due on 04/03/2026", "dates"),
        ("Pays € here", "Pays $ here", "symbols"),
        ("Likes tea", "Does not like tea", "negation"),
        ("用户喜欢喝茶", "用户不喜欢喝茶", "negation"),
        ("Lives in Rome", "Lives in Oslo", "names"),
        ("User's sister swims", "User's brother swims", "people"),
        ("She swims well", "He swims well", "subject"),
        ("Ada hired the user", "The user hired Ada", "subject"),
        ("User may live there", "User does live there", "doubt"),
        ("Eats all vegetables", "Eats most vegetables", "degree"),
        ("User lived by the sea", "User lives by the sea", "tense"),
        ("Likes green apples", "Likes red apples", "another colour"),
        ("Moved from Berlin to Rome", "Moved from Rome to Berlin", "direction"),
        ("Prefers trains over planes", "Prefers planes over trains", "order"),
    ],
)
def test_each_veto_names_what_differs(left: str, right: str, reason: str) -> None:
    assert difference(Statement(text=left), Statement(text=right)) == reason
    assert difference(Statement(text=right), Statement(text=left)) == reason


def test_words_of_one_kind_differ_unless_they_mean_the_same() -> None:
    assert contrast({stem("tea")}, {stem("coffee")}) == "drink"
    assert contrast({stem("quit")}, {stem("stopped")}) is None
    assert contrast({stem("tea")}, {stem("stamps")}) is None


def test_small_words_and_spelling_do_not_make_another_memory() -> None:
    texts = ["The user really likes the colour teal.", "user likes the color  TEAL", "Likes colour teal"]
    assert len({Statement(text=text).form for text in texts}) == 1


def test_a_denial_keeps_its_intensity() -> None:
    assert Statement(text="Does not really like it").form != Statement(text="Does not like it").form


def test_a_longer_memory_contains_only_what_it_begins_with_and_never_under_a_denial() -> None:
    part, whole = Statement(text="User plays chess"), Statement(text="User plays chess with friends")
    assert contains(whole, part)
    assert not contains(part, whole)
    denied = Statement(text="User never plays chess"), Statement(text="User never plays chess with friends")
    assert not contains(denied[1], denied[0])
    assert not contains(Statement(text="User plays chess tournaments"), part)


def test_without_any_similarity_nothing_is_asked_about() -> None:
    assert band("User collects stamps", "User collects old stamps") is Band.APART
    assert band("User collects stamps", "User gathers stamps", wording=0.6) is Band.ASK


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_compare_the_same_both_ways(left: str, right: str) -> None:
    one, other = Statement(text=left), Statement(text=right)
    assert likeness(one, other, cosine=0.99) == likeness(other, one, cosine=0.99)
    assert likeness(one, one).band is Band.SAME


def test_all_pairs_of_the_list_compare_the_same_both_ways() -> None:
    for pair in PAIRS:
        one, other = Statement(text=pair.left), Statement(text=pair.right)
        assert likeness(one, other, cosine=0.8) == likeness(other, one, cosine=0.8)


def test_hard_pairs_are_many_and_none_is_listed_twice() -> None:
    assert len(PAIRS) >= 190
    texts = [frozenset((pair.left, pair.right)) for pair in PAIRS]
    assert not [one for one, other in itertools.combinations(texts, 2) if one == other]
