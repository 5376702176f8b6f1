"""What the disk itself takes meanwhile: a commit cannot be sooner than the disk has it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_SECONDS = 0.02
PAGE = b"\0" * 8192


@contextmanager
def watched_disk(directory: Path) -> Iterator[list[float]]:
    """Writes a page to a file of its own there, again and again, and notes the seconds until the disk has it.

    The first is noted before it is entered, so the list is never empty.
    """
    seconds: list[float] = []
    over = threading.Event()
    path = directory / "disk-watch"
    with path.open("wb") as file:

        def write() -> None:
            began = time.monotonic()
            os.pwrite(file.fileno(), PAGE, 0)
            os.fdatasync(file.fileno())
            seconds.append(time.monotonic() - began)

        def watch() -> None:
            while not over.wait(EVERY_SECONDS):
                write()

        write()
        thread = threading.Thread(target=watch, name="disk watch", daemon=True)
        thread.start()
        try:
            yield seconds
        finally:
            over.set()
            thread.join()
    path.unlink()
