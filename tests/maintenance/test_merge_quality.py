"""The gates of merging on a small seed: whatever the judge, look-alikes that code can tell stay apart."""

import random

import pytest

from benchmarks.quality.memories import (
    JUDGES,
    LabelledMemory,
    alone,
    by_hand,
    labelled_memories,
    merged,
    perfect,
    score,
    stars,
    total,
    union_find,
    yes,
)

EVERYONE = labelled_memories(12, seed=7)
FALSE_MERGES = 0.001


@pytest.mark.parametrize("judge", [alone, perfect])
def test_false_merges_stay_below_one_in_a_thousand(judge: object) -> None:
    chosen = alone if judge is alone else perfect
    found = total(score(memories, merged(memories, chosen)) for memories in EVERYONE)
    assert found.merged > 100
    assert found.false_share <= FALSE_MERGES


def test_a_perfect_judge_finds_more_than_code_alone_and_code_alone_finds_enough() -> None:
    without = total(score(memories, merged(memories, alone)) for memories in EVERYONE)
    judged = total(score(memories, merged(memories, perfect)) for memories in EVERYONE)
    assert without.recall >= 0.3
    assert judged.recall > without.recall


def test_the_labels_can_be_failed() -> None:
    """A judge that says yes to all, with nothing to check it, must show as false merges."""
    found = total(score(memories, merged(memories, yes)) for memories in EVERYONE)
    assert found.false_share > FALSE_MERGES
    assert set(JUDGES) == {"no model", "perfect", "yes to all, unchecked"}


def test_merging_again_changes_nothing_more() -> None:
    for memories in EVERYONE[:4]:
        groups = merged(memories, perfect)
        gone = {place for group in groups for place in group[1:]}
        rest = [memory for place, memory in enumerate(memories) if place not in gone]
        assert score(rest, merged(rest, perfect)).false == 0
        assert len(merged(rest, alone)) <= 1


def test_the_order_of_memories_does_not_matter_to_code_alone() -> None:
    for memories in EVERYONE[:4]:
        turned = list(memories)
        random.Random(3).shuffle(turned)
        assert _texts(memories) == _texts(turned)


def _texts(memories: list[LabelledMemory]) -> set[tuple[str, ...]]:
    return {tuple(sorted(memories[place].text for place in group)) for group in merged(memories, alone)}


def test_no_pair_that_a_person_called_different_is_merged_by_code() -> None:
    assert by_hand(None)["different"]["same"] == 0


def test_the_other_ways_of_grouping_join_what_is_only_connected() -> None:
    chain = [(0, 1), (1, 2), (2, 3)]
    assert union_find(chain) == [[0, 1, 2, 3]]
    assert sorted(map(sorted, stars(chain))) == [[0, 1, 2]]


def test_one_seed_makes_the_same_memories() -> None:
    assert labelled_memories(2, seed=5) == labelled_memories(2, seed=5)
    assert labelled_memories(2, seed=5) != labelled_memories(2, seed=6)
