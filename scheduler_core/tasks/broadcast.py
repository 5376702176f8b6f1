"""Tells consoles what models are writing for this node's runs, a few times a second.

What could not be told is not told later: the next news are the better ones. Texts leave the process only
where the setting allows it.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from scheduler_core.domain import Generation
from scheduler_core.errors import DatabaseError
from scheduler_core.llm.meter import Meter
from scheduler_core.llm.provider import TokenSink

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
# Characters of a text that are sent at once; a listener that heard the news before has the rest.
MOST_TEXT = 6_000


class News(Protocol):
    """Where the news go."""

    async def tell(self, generations: Sequence[Generation]) -> None:
        """
        Raises:
            DatabaseError: nobody heard it.
        """
        ...


class Broadcast:
    """`run` must be running for anything to be told.

    Args:
        with_text: whether the words themselves are told; otherwise only how many and how fast.
    """

    def __init__(self, news: News, *, with_text: bool) -> None:
        self._news = news
        self._with_text = with_text
        self._meters: dict[UUID, Meter] = {}
        self._over: dict[UUID, Meter] = {}
        self._something = asyncio.Event()

    @contextmanager
    def of(self, run_id: UUID, max_tokens: int) -> Iterator[TokenSink]:
        """Entered while a model writes for a run; what it gives is to hear every token."""
        meter = Meter(max_tokens=max_tokens)
        self._meters[run_id] = meter
        self._over.pop(run_id, None)
        self._something.set()
        try:
            yield meter.heard
        finally:
            del self._meters[run_id]
            self._over[run_id] = meter
            self._something.set()

    async def run(self) -> None:
        """Tells for ever; idle while nothing is written."""
        while True:
            await self._something.wait()
            try:
                await self.run_once()
            except DatabaseError as error:
                log.debug("What is being written was not told [%s].", error.error_id)
            await asyncio.sleep(EVERY_SECONDS)

    async def run_once(self) -> int:
        """Tells how it stands with everything that is being written; returns how many texts that are.

        Raises:
            DatabaseError: nobody heard it.
        """
        over, self._over = self._over, {}
        news = [
            *(self._standing(run_id, meter) for run_id, meter in self._meters.items()),
            *(self._standing(run_id, meter, is_over=True) for run_id, meter in over.items()),
        ]
        if not self._meters:
            self._something.clear()
        if news:
            await self._news.tell(news)
        return len(news)

    def _standing(self, run_id: UUID, meter: Meter, *, is_over: bool = False) -> Generation:
        speed, first = meter.tokens_per_second, meter.first_token_seconds
        told = self._with_text and not is_over
        return Generation(
            run_id=run_id,
            tokens=meter.tokens,
            max_tokens=meter.max_tokens,
            seconds=round(meter.seconds, 2),
            first_token_seconds=None if first is None else round(first, 2),
            tokens_per_second=None if speed is None else round(speed, 2),
            repeats=meter.repeats,
            is_over=is_over,
            text=meter.text[-MOST_TEXT:] if told else None,
            start=max(0, len(meter.text) - MOST_TEXT) if told else 0,
        )
