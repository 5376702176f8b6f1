"""How much memory a process takes: what of it lies in RAM now, as the system counts it.

Pages that processes share count for each of them, a model's file that was read included.
"""

import os
from collections.abc import Callable, Iterable
from typing import Protocol


class _Usage(Protocol):
    rss: int


class _Process(Protocol):
    def memory_info(self) -> _Usage: ...


def resident_bytes(others: Iterable[int] = ()) -> int | None:
    """Of this process and of others that belong to it; None where the system does not say.

    Args:
        others: process ids. What is gone by now, or may not be looked at, is left out.
    """
    # Loaded when a node looks for models anyway, and not before.
    import psutil

    process_of: Callable[[int], _Process] = psutil.Process
    total: int | None = None
    for process_id in (os.getpid(), *others):
        try:
            total = (total or 0) + process_of(process_id).memory_info().rss
        except (psutil.Error, OSError):
            continue
    return total
