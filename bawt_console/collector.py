"""How the program sets Python's cyclic garbage collector; the library leaves a host's alone."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# New containers until the youngest generation is looked at. A node that starts thousands of runs a second
# would otherwise walk through them all several times while they are in use.
THRESHOLD = 10_000
# While modules and screens are loaded, which stay: looking through them was a tenth of the time until the
# first picture.
START_THRESHOLD = 100_000
# Beside a screen: small steps, each below the length of a blink. Young ones until one at the middle
# generation, and those until it is worth looking at everything.
SCREEN_THRESHOLD = 1_000
YOUNG_LOOKS = 3
MIDDLE_LOOKS = 25
# Beside busy keys, where little and often is what nobody notices.
BUSY_MIDDLE_LOOKS = 2
NEVER = 1_000_000_000
# How often it is asked whether to sweep. What is swept at once keeps a scheduler beside the screen waiting.
LOOK_SECONDS = 0.1
QUIET_SECONDS = 1.0
# By then the first rows are there, and what was loaded for them stays.
LOADING_SECONDS = 1.5
# Seconds without a rest until a sweep looks through everything although somebody is at the keys.
LONGEST_BUSY_SECONDS = 180.0


def keep_what_is_loaded() -> None:
    """Tells the collector that all there is now stays until the process ends.

    Modules and the objects of start-up are never garbage, and walking through them again and again took a
    quarter of a busy node's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)


def expect_much() -> None:
    """Tells the collector that the program begins, and most of what comes stays."""
    gc.set_threshold(START_THRESHOLD)


class Sweeper:
    """Looks through everything for garbage when nobody is at the keys, because that takes up to a quarter of
    a second on a busy machine, and sets aside what it found in use. While somebody is at the keys it looks
    only through what came since, little and often. Outside `sweeping` nothing is changed.

    Args:
        clock: seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._is_sweeping = False
        self._began_at = self._used_at = self._whole_at = clock()

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """While inside, `tick` and not the interpreter decides when; for the first `LOADING_SECONDS` the
        screens and what they show are still being loaded.
        """
        young, middle, old = gc.get_threshold()
        gc.set_threshold(START_THRESHOLD, YOUNG_LOOKS, NEVER)
        self._is_sweeping, self._began_at = True, self._clock()
        self._whole_at = self._began_at
        try:
            yield
        finally:
            self._is_sweeping = False
            gc.set_threshold(young, middle, old)

    def used(self) -> None:
        """Somebody pressed a key or moved the mouse."""
        self._used_at = self._clock()

    def is_quiet(self, seconds: float = QUIET_SECONDS) -> bool:
        """Whether nobody has been at the keys for so long."""
        return self._clock() - self._used_at > seconds

    def tick(self) -> bool:
        """Sweeps if there is enough to sweep; tells whether it did. To be called every `LOOK_SECONDS`."""
        if not self._is_sweeping:
            return False
        now = self._clock()
        if now - self._began_at < LOADING_SECONDS:
            return False
        is_first = gc.get_threshold()[0] == START_THRESHOLD
        # Every time, because a scheduler that was started meanwhile set its own.
        gc.set_threshold(SCREEN_THRESHOLD, YOUNG_LOOKS, NEVER)
        if is_first:
            # What came while screens were loaded is set aside unseen until the first rest: looking through
            # all of it at once would keep the first rows waiting.
            gc.freeze()
            return False
        is_quiet = self.is_quiet()
        if gc.get_count()[2] < (MIDDLE_LOOKS if is_quiet else BUSY_MIDDLE_LOOKS):
            return False
        if is_quiet or now - self._whole_at > LONGEST_BUSY_SECONDS:
            gc.unfreeze()
            self._whole_at = now
        gc.collect()
        gc.freeze()
        return True
