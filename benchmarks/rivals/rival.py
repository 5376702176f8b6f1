"""What a rival is: something that works through jobs that are all due, and leaves a record of each."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Rival(Protocol):
    """One worker process's view of a rival."""

    async def prepare(self, jobs: int) -> None:
        """Makes the tables and so many jobs that do nothing, all due. One worker does it for all."""
        ...

    async def work(self) -> None:
        """Works until no job is left."""
        ...

    async def recorded(self) -> tuple[int, float | None]:
        """How many jobs are recorded as successful, and when the last of them was, in epoch seconds.

        None as the time: the record has none, so the return of `work` counts.
        """
        ...


# Takes the database's URL and how many jobs the rival takes at once, in its own meaning of that.
Opener = Callable[[str, int], AbstractAsyncContextManager[Rival]]
