"""What models are writing right now, as far as this console heard of it.

It holds the words of a text only as long as somebody writes it, and forgets who fell silent.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from scheduler_core.db.generation_news import generation_of
from scheduler_core.domain import Generation

# A node tells twice a second; one that said nothing for so long is gone, or its run is over.
SILENT_AFTER_SECONDS = 5.0
# Screens are repainted no more often.
REPAINT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Heard:
    generation: Generation
    at: float


class Generations:
    """Hears of generations and tells about them.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: dict[UUID, _Heard] = {}
        self._changed = asyncio.Event()

    def heard(self, payload: str) -> None:
        """Takes the payload of a notification; what is no news of ours is left alone."""
        generation = generation_of(payload)
        if generation is not None:
            self.take(generation)

    def take(self, generation: Generation) -> None:
        """Takes news. Words that were sent before are put in front of those that were not."""
        before = self.of(generation.run_id)
        self._heard = {run: each for run, each in self._heard.items() if self._is_fresh(each)}
        if generation.is_over:
            self._heard.pop(generation.run_id, None)
        else:
            joined = _joined(before, generation)
            self._heard[generation.run_id] = _Heard(joined, self._clock())
        self._changed.set()

    def of(self, run_id: UUID | None) -> Generation | None:
        """What is being written for a run, with its seconds counted on; None when nothing is."""
        heard = None if run_id is None else self._heard.get(run_id)
        if heard is None or not self._is_fresh(heard):
            return None
        return replace(
            heard.generation, seconds=heard.generation.seconds + max(0.0, self._clock() - heard.at)
        )

    async def changes(self) -> AsyncIterator[None]:
        """Yields when there was news, at most every `REPAINT_SECONDS`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield
            await asyncio.sleep(REPAINT_SECONDS)

    def _is_fresh(self, heard: _Heard) -> bool:
        return self._clock() - heard.at < SILENT_AFTER_SECONDS


def _joined(before: Generation | None, now: Generation) -> Generation:
    """The news with as much of the text as is known; `start` is where that begins."""
    if now.text is None or not now.start or before is None or before.text is None:
        return now
    known = before.text
    if not before.start <= now.start <= before.start + len(known) or before.tokens > now.tokens:
        return now
    return replace(now, text=known[: now.start - before.start] + now.text, start=before.start)
