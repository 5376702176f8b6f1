"""The small parts: clean text, comparable text, dates, keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.maintenance import dates
from scheduler_core.maintenance.dates import PartialDate
from scheduler_core.maintenance.keys import normal_key, own_words, rule_for, unpinned
from scheduler_core.maintenance.language import dominant, is_negative, stem, tokens
from scheduler_core.maintenance.normalise import clean, comparable, value_text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  a \n b\t", "a b"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;Zm9v\x07x", "x"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("a\u202eb\u200bc\ufeff", "abc"),
        ("a\x00b\x07", "a b"),
        ("\ud800x", "?x"),
        ("👩\u200d⚕️", "👩\u200d⚕️"),
        ("Grüße", "Grüße"),
    ],
)
def test_clean_text_has_nothing_a_terminal_or_a_reader_would_trip_over(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@given(st.text())
def test_cleaning_twice_changes_nothing_more(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)


@given(st.text(alphabet="\x1b[]31m;\x07\x9b\x9d\\ab\n P"))
def test_no_escape_survives_cleaning(raw: str) -> None:
    assert not set(clean(raw)) & set("\x1b\x07\x9b\x9d\n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (38, "38"),
        (38.0, "38"),
        (1.75, "1.75"),
        (["a", None, "b"], "a, b"),
        ({"brand": "Framework", "ram_gb": 32}, "brand: Framework; ram gb: 32"),
        ({"a": {"b": [1, {"c": True}]}}, "a: b: 1, c: yes"),
        ([], ""),
    ],
)
def test_any_value_is_one_line(value: object, expected: str) -> None:
    assert value_text(value) == expected


@given(st.text(), st.text())
def test_comparable_text_is_blind_to_case_and_outer_space_only(first: str, second: str) -> None:
    assert comparable(f"  {first} ") == comparable(first)
    if comparable(first) == comparable(second):
        assert is_negative(tokens(clean(first))) == is_negative(tokens(clean(second)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 2026-03-21 there", [PartialDate(2026, 3, 21)]),
        ("2026-03-21T09:30:00Z", [PartialDate(2026, 3, 21)]),
        ("am 21.03.2026.", [PartialDate(2026, 3, 21)]),
        ("21/03/2026", [PartialDate(2026, 3, 21)]),
        ("03/21/2026", [PartialDate(2026, 3, 21)]),
        ("03/04/2026", []),
        ("21st of March, 2026", [PartialDate(2026, 3, 21)]),
        ("März 21, 2026", [PartialDate(2026, 3, 21)]),
        ("21. März", [PartialDate(None, 3, 21)]),
        ("since March 2026", [PartialDate(2026, 3, None)]),
        ("2026-03", [PartialDate(2026, 3, None)]),
        ("29 February 1992", [PartialDate(1992, 2, 29)]),
        ("30 February 1992", []),
        ("2026-13-01", []),
        ("May I come in", []),
        ("7 marches", []),
        ("version 1.2.2026.4", []),
        ("from 1 May 2026 to 3 May 2026", [PartialDate(2026, 5, 1), PartialDate(2026, 5, 3)]),
    ],
)
def test_dates_are_found(text: str, expected: list[PartialDate]) -> None:
    assert [found for _, _, found in dates.find(text)] == expected


def test_a_date_covers_what_says_no_more() -> None:
    full = PartialDate(2026, 3, 21)
    for less in (full, PartialDate(2026, 3, None), PartialDate(None, 3, 21)):
        assert full.covers(less)
    assert not full.covers(PartialDate(2026, 3, 22))
    assert not PartialDate(2026, 3, None).covers(full)


@given(st.text())
def test_no_text_makes_dates_raise(text: str) -> None:
    for start, end, found in dates.find(text):
        assert 0 <= start < end <= len(text)
        assert str(found)


@pytest.mark.parametrize("key", ["Home City", "home-city", "homeCity", "HOME_CITY", " home  city "])
def test_spellings_of_a_key_are_one(key: str) -> None:
    assert normal_key(key) == "home_city"
    assert rule_for(key).name == "location"


def test_an_unknown_key_keeps_its_own_name_and_many_values() -> None:
    rule = rule_for("Lieblings-Dinosaurier")
    assert (rule.name, rule.single, rule.must_keep) == ("lieblings_dinosaurier", False, False)
    assert own_words("Lieblings-Dinosaurier") == "lieblings dinosaurier"
    assert own_words("!!!") == "other"


def test_a_pin_is_no_part_of_the_value() -> None:
    assert unpinned({"text": "x", "pinned": True}) == "x"
    assert unpinned({"a": 1, "b": 2, "pinned": True}) == {"a": 1, "b": 2}
    assert unpinned({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("one", "other"), [("nurse", "nursing"), ("Töchter", "tochter"), ("works", "working"), ("lives", "live")]
)
def test_forms_of_a_word_share_a_root(one: str, other: str) -> None:
    assert stem(one.casefold()) == stem(other)


@pytest.mark.parametrize(
    ("one", "other"), [("mila", "mina"), ("hans", "hanna"), ("tea", "team"), ("rock", "rocket")]
)
def test_different_words_do_not(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("she is in the house with her dog", "en"),
        ("sie ist mit dem Hund im Haus und nicht allein", "de"),
        ("Dresden", None),
        ("東京", None),
    ],
)
def test_small_words_tell_the_language(text: str, language: str | None) -> None:
    assert dominant(tokens(text)) == language
