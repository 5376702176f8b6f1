"""The parser of decisions: what it reads, and that it acts on nothing else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.maintenance.verbs import KEEP_ALL, Decisions, parse

IDS = (3, 7, 9, 12)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("KEEP", KEEP_ALL),
        ("KEEP 3 7", KEEP_ALL),
        ("SAME 3 7", Decisions(same=frozenset({(3, 7)}))),
        ("same: 7, 3\n", Decisions(same=frozenset({(3, 7)}))),
        ("- SAME [3] [7] #9.", Decisions(same=frozenset({(3, 7), (3, 9), (7, 9)}))),
        ("NEWER 9 3 7", Decisions(newer=frozenset({(9, 3), (9, 7)}))),
        ("NOISE 12\nKEEP", Decisions(noise=frozenset({12}))),
        ("1. SAME 3 7\n2. NOISE 12", Decisions(same=frozenset({(3, 7)}), noise=frozenset({12}))),
    ],
)
def test_verbs_over_ids_are_read(answer: str, expected: Decisions) -> None:
    assert parse(answer, IDS) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Sure! SAME 3 7",
        "SAME 3 7 because both are coffee",
        "SAME 3",
        "SAME 3 3",
        "NEWER 3",
        "NOISE",
        "SAME 3 8",
        "SAME 3 -7",
        "SAME ３ ７",
        "DELETE 3",
        "SAME 3 7\nDROP TABLE x",
        "SAME 3 7 " + "9 " * 3_000,
        "KEEP\n" * 200,
    ],
)
def test_anything_else_decides_nothing(answer: str) -> None:
    assert parse(answer, IDS) is None


@pytest.mark.parametrize(
    "answer",
    [
        "SAME 3 7\nNEWER 3 7",
        "NEWER 3 7\nNEWER 7 3",
        "NEWER 3 7\nNEWER 7 9",
        "NOISE 3\nSAME 3 7",
        "NOISE 3\nNEWER 7 3",
        "KEEP 3\nSAME 3 7",
        "KEEP 3\nNOISE 3",
    ],
)
def test_an_answer_that_contradicts_itself_decides_nothing(answer: str) -> None:
    assert parse(answer, IDS) is None


def test_only_what_two_answers_share_is_left() -> None:
    first, second = parse("SAME 3 7\nNOISE 12", IDS), parse("SAME 3 7\nNEWER 9 12", IDS)
    assert first is not None
    assert second is not None
    assert first & second == Decisions(same=frozenset({(3, 7)}))


WORDS = st.sampled_from(
    ["SAME", "NEWER", "NOISE", "KEEP", "3", "7", "9", "12", "99", "\n", " ", ",", "[", "x"]
)


@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=40).map(" ".join)))
def test_whatever_is_decided_names_given_ids_and_does_not_contradict_itself(answer: str) -> None:
    assert_sound(answer)


def assert_sound(answer: str) -> None:
    found = parse(answer, IDS)
    if found is None:
        return
    assert all(low < high for low, high in found.same)
    joined = {id_ for pair in found.same | found.newer for id_ in pair}
    assert joined | found.noise <= set(IDS)
    assert not joined & found.noise
    assert not {winner for winner, _ in found.newer} & {loser for _, loser in found.newer}


@pytest.mark.slow
def test_a_hundred_thousand_mutated_answers_are_read_or_refused() -> None:
    chance = random.Random(5)
    right = "SAME 3 7\nNEWER 9 12\nNOISE 12\nKEEP\n"
    for _ in range(100_000):
        answer = list(chance.choice((right, right[:9], "KEEP", "NOISE 9 12\nSAME 3 7")))
        for _ in range(chance.randrange(6)):
            place = chance.randrange(len(answer) + 1)
            answer[place : place + chance.randrange(3)] = chance.choice(
                (*"SAMENOIKP 379\n[]#-,", "\x1b", "٣", "³")
            )
        assert_sound("".join(answer))
