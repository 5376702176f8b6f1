"""Safe text, and times and lengths as people read them."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bawt_console.formatting import (
    State,
    Tone,
    ago,
    clean,
    countdown,
    counted,
    duration,
    interval,
    job_state,
    joined,
    local_time,
    one_line,
    phrase,
    run_state,
)
from scheduler_core.domain import RunStatus
from tests.console.believable import NOW, a_job, a_run, an_overview, ids

TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
JOB = a_job(next(ids(1)))


@given(st.text())
@example("\x1b]52;c;aGk=\x07")
@example("\x1b[31;1mred")
@example("\x9b31m")
@example("\u202eevil\u2066")
@example("\ud800")
@example("a\x1b\x1b]0;title\x1b\\b")
def test_cleaned_text_holds_no_character_that_commands_or_hides(text: str) -> None:
    for character in clean(text):
        if character in "\t\n":
            continue
        assert unicodedata.category(character) not in ("Cc", "Cs"), f"{character!r}"
        assert unicodedata.bidirectional(character) not in TURNING


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("given_text", "left"),
    [
        ("plain [red]text[/] stays", "plain [red]text[/] stays"),
        ("Grüße, 你好, 🙂", "Grüße, 你好, 🙂"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x1b]52;c;aGVsbG8=\x07b", "ab"),
        ("a\x1b]0;title\x1b\\b", "ab"),
        ("a\x1bP1$r0m\x1b\\b", "ab"),
        ("a\x9d0;title\x9cb", "ab"),
        ("unfinished \x1b]52;c;hides nothing", "unfinished 52;c;hides nothing"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("zero\u200bwidth\u202eand\u2066bidi", "zerowidthandbidi"),
        ("e\u0301" + "\u0301" * 50, "e" + "\u0301" * 4),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_cleaning_keeps_what_people_write(given_text: str, left: str) -> None:
    assert clean(given_text) == left


def test_long_text_is_cut_and_says_how_much_is_missing() -> None:
    assert clean("x" * 1_500, limit=500) == "x" * 500 + "… (1,000 more characters)"


@pytest.mark.parametrize("more", [1, 2, 22])
def test_text_is_not_cut_for_a_note_that_is_longer_than_what_is_missing(more: int) -> None:
    text = "x" * (500 + more)
    assert clean(text, limit=500) == text


def test_cleaning_a_flood_of_unfinished_sequences_is_quick() -> None:
    started = datetime.now(UTC)
    clean("\x1b]" * 100_000)
    clean("\x9d" * 200_000)
    assert datetime.now(UTC) - started < timedelta(seconds=2)


def test_one_line_has_no_line_breaks_and_keeps_its_spaces() -> None:
    assert one_line("a\n\tb  c") == "a b  c"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "–"),
        (0, "0.00 s"),
        (420, "0.42 s"),
        (994, "0.99 s"),
        (995, "1.0 s"),
        (9_400, "9.4 s"),
        (9_950, "10 s"),
        (59_499, "59 s"),
        (59_500, "1:00 min"),
        (252_000, "4:12 min"),
        (3_599_999, "1:00 h"),
        (7_500_000, "2:05 h"),
        (86_400_000 * 3 + 3_600_000 * 4, "3 d 4 h"),
    ],
)
def test_lengths_read_well_at_every_size(milliseconds: float | None, words: str) -> None:
    assert duration(milliseconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "due"),
        (0, "due"),
        (42, "in 0:42"),
        (723, "in 12:03"),
        (14_280, "in 3:58 h"),
        (187_200, "in 2 d 4 h"),
    ],
)
def test_countdowns_count_seconds_when_they_matter(seconds: int, words: str) -> None:
    assert countdown(NOW + timedelta(seconds=seconds), NOW) == words


def test_the_past_is_told_in_one_unit() -> None:
    assert [ago(NOW - timedelta(seconds=s), NOW) for s in (0, 12, 3_480, 7_300, 260_000)] == [
        "now",
        "12 s ago",
        "58 min ago",
        "2 h ago",
        "3 d ago",
    ]
    assert ago(None, NOW) == ""


def test_times_are_local_and_carry_a_date_unless_it_is_today() -> None:
    zone = timezone(timedelta(hours=2))
    assert local_time(NOW, NOW, zone) == "05:14:07"
    assert local_time(NOW - timedelta(days=1), NOW, zone) == "21 Nov 05:14"
    assert local_time(NOW - timedelta(days=400), NOW, zone) == "2025-10-18"


def test_intervals_and_counts_are_words() -> None:
    assert [interval(minutes) for minutes in (45, 60, 90, 10_080)] == ["45 min", "1 h", "1 h 30 min", "7 d"]
    assert [counted(number, "run") for number in (0, 1, 1_204)] == ["0 runs", "1 run", "1,204 runs"]


def test_empty_phrases_leave_no_separator_behind() -> None:
    assert joined([phrase(""), phrase("a"), phrase(""), phrase("b")], " · ").plain == "a · b"


def test_every_state_differs_from_the_others_without_colour() -> None:
    assert len({state.glyph for state in State}) == len({state.word for state in State}) == len(State)
    assert all(state.tone in Tone for state in State)


def test_a_success_with_marks_is_suspicious() -> None:
    run = a_run(JOB.id, JOB, suspicious=("61 % shorter",))
    assert run_state(run) is State.SUSPICIOUS


@pytest.mark.parametrize(
    ("job", "status", "state"),
    [
        ({}, RunStatus.RUNNING, State.RUNNING),
        ({"enabled": False}, RunStatus.RUNNING, State.RUNNING),
        ({"enabled": False}, RunStatus.FAILED, State.PAUSED),
        ({}, RunStatus.PENDING, State.PENDING),
        ({"next_run_at": NOW - timedelta(seconds=42)}, RunStatus.SUCCESS, State.LATE),
        ({"next_run_at": NOW - timedelta(seconds=1)}, RunStatus.SUCCESS, State.OK),
        ({}, RunStatus.FAILED, State.FAILED),
        ({}, RunStatus.SKIPPED, State.SKIPPED),
    ],
)
def test_a_job_shows_what_an_operator_must_know_first(
    job: dict[str, Any], status: RunStatus, state: State
) -> None:
    made = a_job(JOB.id, **job)
    run = a_run(JOB.id, made, status=status)
    assert job_state(an_overview(made, [run]), NOW) is state


def test_a_job_that_never_ran_is_new() -> None:
    assert job_state(an_overview(JOB, []), NOW) is State.NEW
