"""Counting a text while it is written, and noticing that it goes in circles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.llm.meter import Meter, goes_in_circles

SENTENCES = (
    "Ada lives in Dresden. [12]\nShe has two daughters. [40][41]\nShe is allergic to penicillin. [7]\n"
)
DECISIONS = "\n".join(f"SAME {number} {number + 1}" for number in range(1, 80, 2))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_speed_is_that_of_the_writing_and_not_of_the_waiting() -> None:
    clock = Clock()
    meter = Meter(max_tokens=50, clock=clock)
    assert (meter.first_token_seconds, meter.tokens_per_second) == (None, None)
    clock.now += 3
    meter.heard("one")
    assert meter.first_token_seconds == 3
    assert meter.tokens_per_second is None
    for _ in range(20):
        clock.now += 0.1
        meter.heard(" more")
    assert meter.tokens == 21
    assert meter.tokens_per_second == pytest.approx(10)
    assert meter.seconds == pytest.approx(5)
    assert meter.text == "one" + " more" * 20


def test_tokens_that_come_at_the_same_moment_have_no_speed() -> None:
    meter = Meter(max_tokens=5, clock=Clock())
    for _ in range(3):
        meter.heard("x")
    assert meter.tokens_per_second is None


@pytest.mark.parametrize(
    "text",
    [
        "Ada likes tea. " * 6,
        "She rows. She sings and she rows every day. " * 4,
        "no no no no no no no no no no no no no no no no no",
        SENTENCES + "- item\n" * 20,
        "x" * 200,
        "是的，" * 40,
    ],
)
def test_a_text_that_says_the_same_again_and_again_goes_in_circles(text: str) -> None:
    assert goes_in_circles(text)


@pytest.mark.parametrize(
    "text", ["", "\n" * 500, " " * 500, SENTENCES, SENTENCES * 3, DECISIONS, "ha ha ha ha"]
)
def test_an_ordinary_text_does_not(text: str) -> None:
    assert not goes_in_circles(text)


@given(st.text(min_size=1, max_size=40).filter(str.strip), st.text(max_size=200))
def test_whatever_came_before_a_circle_does_not_hide_it(piece: str, before: str) -> None:
    assert goes_in_circles(before + piece * 60)


def test_a_meter_notices_a_circle_and_that_it_ended() -> None:
    meter = Meter(max_tokens=5)
    for _ in range(32):
        meter.heard("round and ")
    assert meter.repeats
    for number in range(32):
        meter.heard(f"step {number * 7919} ")
    assert not meter.repeats
