"""The garbage collector waits for a quiet moment, and not for ever."""

import gc
import weakref

from bawt_console.collector import LONGEST_WAIT_SECONDS, MIDDLE_LOOKS, QUIET_SECONDS, Sweeper


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.own = self


def old_garbage() -> "weakref.ref[Ring]":
    """A ring in the oldest generation, and enough looks at the middle one since the last at everything."""
    ring = Ring()
    gc.collect()
    gone = weakref.ref(ring)
    del ring
    for _ in range(MIDDLE_LOOKS):
        gc.collect(1)
    return gone


def test_everything_is_looked_through_once_nobody_is_at_the_keys() -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    with sweeper.sweeping():
        gone = old_garbage()
        sweeper.used()
        now[0] += QUIET_SECONDS / 2
        assert not sweeper.tick()
        assert gone() is not None
        now[0] += QUIET_SECONDS
        assert sweeper.tick()
        assert gone() is None
        now[0] += QUIET_SECONDS
        assert not sweeper.tick(), "nothing new to find"


def test_somebody_who_never_rests_does_not_put_it_off_for_ever() -> None:
    now = [0.0]
    sweeper = Sweeper(clock=lambda: now[0])
    with sweeper.sweeping():
        gone = old_garbage()
        now[0] += LONGEST_WAIT_SECONDS + 1
        sweeper.used()
        assert sweeper.tick()
        assert gone() is None


def test_outside_the_interpreter_decides_as_before() -> None:
    before = gc.get_threshold()
    sweeper = Sweeper(clock=lambda: 1e9)
    with sweeper.sweeping():
        assert gc.get_threshold()[2] > before[2]
    assert gc.get_threshold() == before
    old_garbage()
    assert not sweeper.tick()
