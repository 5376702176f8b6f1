"""How the program sets Python's cyclic garbage collector; the library leaves a host's alone."""

import gc

# New containers until the youngest generation is looked at. A node that starts thousands of runs a second
# would otherwise walk through them all several times while they are in use.
THRESHOLD = 10_000


def keep_what_is_loaded() -> None:
    """Tells the collector that all there is now stays until the process ends.

    Modules and the objects of start-up are never garbage, and walking through them again and again took a
    quarter of a busy node's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
