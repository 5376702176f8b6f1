"""The formula of decay in words: what the sentences say is what the database computed."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bawt_console.memory_worth import SHIELDS, fate, merge_sentence, worth_sentences
from scheduler_core.db.database import Database
from scheduler_core.db.listings import Listings, Shield
from scheduler_core.domain import MemoryFilter
from tests.db.memories import add

NUMBERS: dict[str, Any] = {
    "value": 0.0009,
    "half_life_days": 33.2,
    "days_idle": 260,
    "importance": 0.15,
    "access_count": 0,
    "tag": "event",
    "tag_weight": 0.6,
}


def test_every_step_of_the_formula_is_told() -> None:
    assert worth_sentences(NUMBERS, left=True) == [
        "At first it is worth 0.19, for its importance of 0.15.",
        "It halves every 33 days: 90 days × 0.62 for importance × 1.00 for 0 uses × 0.6 for the tag event.",
        "260 days without use were 7.8 half-lives: 0.004 of it is left.",
        "0.19 × 0.004 = 0.0009, which was below 0.05.",
    ]


async def test_the_factors_multiply_to_what_the_database_computed(database: Database) -> None:
    await add(database, "one", importance=0.4, idle_days=70, accesses=3, tags=("work", "misc"))
    await add(database, "two", importance=0.9, idle_days=400, accesses=0, tags=("event",))
    await add(database, "three", importance=0.0, idle_days=0, accesses=9, tags=())
    for row in await Listings(database).memories("active", MemoryFilter()):
        _, life, halves, product = worth_sentences(row.numbers, left=False)
        factors = [float(each) for each in re.findall(r"([\d.]+) (?:days ×|for )", life.partition(": ")[2])]
        assert math.prod(factors) == pytest.approx(row.numbers["half_life_days"], rel=0.02)
        start, share, value = (float(each) for each in re.findall(r"[\d.]+\d", product)[:3])
        assert value == pytest.approx(row.score, abs=1e-4)
        assert start * share == pytest.approx(value, abs=6e-3)
        assert "half-lives" in halves


def test_numbers_that_are_missing_or_odd_tell_nothing() -> None:
    assert worth_sentences({}, left=True) == []
    for odd in (None, "x", True, math.nan, math.inf):
        assert worth_sentences(NUMBERS | {"value": odd}, left=True) == []


ANYTHING = st.none() | st.booleans() | st.floats() | st.integers() | st.text()


@given(st.dictionaries(st.sampled_from([*NUMBERS, "method", "score"]), ANYTHING))
def test_no_numbers_end_in_an_error(numbers: dict[str, Any]) -> None:
    worth_sentences(NUMBERS | numbers, left=True)
    worth_sentences(numbers, left=False)
    merge_sentence(numbers)


@pytest.mark.parametrize("shield", Shield)
def test_every_shield_has_a_sentence(shield: Shield) -> None:
    assert fate(0.01, shield) == SHIELDS[shield]


def test_without_a_shield_the_worth_decides() -> None:
    assert fate(0.01, None).startswith("Nothing shields it")
    assert fate(0.5, None) == "It is worth enough to stay."
    assert "not known" in fate(None, None)


def test_a_merge_says_how_alike_they_were() -> None:
    assert merge_sentence({"method": "close", "score": 0.97}) == (
        "They share their words, and their vectors are nearly equal (0.97)."
    )
    assert merge_sentence({"method": "judged", "score": 0.9}).startswith("A model judged them")
    assert merge_sentence({}) == ""
