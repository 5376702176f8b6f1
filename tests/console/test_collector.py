"""The garbage collector waits for a quiet moment, and not for ever."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from bawt_console.collector import (
    LOADING_SECONDS,
    LONGEST_BUSY_SECONDS,
    MIDDLE_LOOKS,
    QUIET_SECONDS,
    Sweeper,
    keep_what_is_loaded,
)


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.own = self


def worth_it() -> None:
    """Enough looks at the middle generation since the last at everything."""
    for _ in range(MIDDLE_LOOKS):
        gc.collect(1)


def old_garbage() -> "weakref.ref[Ring]":
    """A ring in the oldest generation that nobody needs any more."""
    ring = Ring()
    gc.collect()
    gone = weakref.ref(ring)
    del ring
    worth_it()
    return gone


def test_everything_is_looked_through_once_nobody_is_at_the_keys() -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    with sweeper.sweeping():
        now[0] += LOADING_SECONDS
        assert not sweeper.tick(), "the first sets aside what was loaded"
        gone = old_garbage()
        now[0] += QUIET_SECONDS + 1
        assert sweeper.tick()
        assert gone() is None
        now[0] += QUIET_SECONDS
        assert not sweeper.tick(), "nothing new to find"


def test_what_is_new_goes_while_somebody_is_at_the_keys() -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    with sweeper.sweeping():
        now[0] += LOADING_SECONDS
        sweeper.tick()
        for _ in range(3):
            gone = old_garbage()
            now[0] += 1
            sweeper.used()
            assert sweeper.tick()
            assert gone() is None


@pytest.mark.parametrize(("rests", "after"), [(True, QUIET_SECONDS + 1), (False, LONGEST_BUSY_SECONDS)])
def test_what_was_set_aside_in_use_and_is_not_any_more_goes_later(rests: bool, after: float) -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    with sweeper.sweeping():
        now[0] += LOADING_SECONDS
        sweeper.tick()
        ring = Ring()
        gone = weakref.ref(ring)
        worth_it()
        sweeper.used()
        assert sweeper.tick()
        assert gc.get_freeze_count() > 0
        del ring
        worth_it()
        now[0] += 1
        sweeper.used()
        assert sweeper.tick()
        assert gone() is not None, "set aside, so that the sweep is short"
        worth_it()
        now[0] += after
        if not rests:
            sweeper.used()
        assert sweeper.tick()
        assert gone() is None


def test_what_came_while_screens_were_loaded_is_not_walked_through_at_once() -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    looks: list[str] = []
    gc.collect()
    with sweeper.sweeping():
        kept = [Ring() for _ in range(20_000)]
        gc.callbacks.append(lambda phase, _: looks.append(phase))
        try:
            sweeper.tick()
            now[0] += LOADING_SECONDS
            sweeper.tick()
            kept.append(Ring())
        finally:
            gc.callbacks.pop()
        assert not looks
        gone = weakref.ref(kept[0])
        kept.clear()
        worth_it()
        assert gone() is not None
        now[0] += QUIET_SECONDS + 1
        assert sweeper.tick()
        assert gone() is None, "the first rest looks through it"


def test_a_scheduler_that_starts_behind_the_screen_does_not_make_the_steps_longer() -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    with sweeper.sweeping():
        now[0] += LOADING_SECONDS
        sweeper.tick()
        short = gc.get_threshold()
        keep_what_is_loaded()
        assert gc.get_threshold()[0] > short[0]
        sweeper.tick()
        assert gc.get_threshold() == short


def test_outside_the_interpreter_decides_as_before() -> None:
    before = gc.get_threshold()
    sweeper = Sweeper(clock=lambda: 1e9)
    with sweeper.sweeping():
        assert gc.get_threshold()[2] > before[2]
    assert gc.get_threshold() == before
    old_garbage()
    assert not sweeper.tick()
