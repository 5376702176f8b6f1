"""Keeps the demo moving: people go on talking, and the jobs that look after it become due.

It acts as hosts and people with psql do: it stores what was said and moves the next slot of a job. What
follows is the work of the real scheduler.
"""

import asyncio
import logging
from itertools import count
from random import Random

from bawt_console.demo.people import BOTS, said_next, wordings
from scheduler_core.db.database import Database
from scheduler_core.db.memory_rows import NewMemory
from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.db.profile_store import NewAttribute, ProfileStore
from scheduler_core.domain import Entity, EntityType
from scheduler_core.errors import DatabaseError

log = logging.getLogger(__name__)

# Between two talks; a run that follows takes about as long.
PAUSE_SECONDS = (6.0, 14.0)
# Numbers of wordings that the month did not use.
_FIRST_WORDING = 2_900


class Life:
    """Talks on and on, in the same order for the same seed."""

    def __init__(self, database: Database, *, seed: int) -> None:
        self._database = database
        self._luck = Random(seed)
        self._numbers = count()

    async def run(self) -> None:
        """For ever. A database that is away is waited for."""
        while True:
            await asyncio.sleep(self._luck.uniform(*PAUSE_SECONDS))
            try:
                await self.talk()
            except DatabaseError:
                log.info("The database is away; nobody talks.")

    async def talk(self) -> None:
        """One talk: something about a person, or something that an assistant remembers."""
        number = next(self._numbers)
        if number % 2:
            bot = BOTS[(number // 2) % len(BOTS)]
            await self._remember(bot, number)
            await self._due("memory_consolidation", bot)
        else:
            await self._tell(number // 2)
            await self._due("profile_maintenance", "*")

    async def _tell(self, number: int) -> None:
        figure, facts = said_next(number)
        await ProfileStore(self._database).add(
            [
                NewAttribute(
                    entity=Entity(EntityType(figure.type), figure.id),
                    category=fact.category,
                    key=fact.key,
                    value=fact.value,
                    source=fact.source,
                    confidence=0.9,
                )
                for fact in facts
            ]
        )

    async def _remember(self, bot: str, number: int) -> None:
        """The same in two wordings, which consolidation then finds."""
        store = MemoryStore(self._database)
        await store.add(
            [
                NewMemory(bot_id=bot, content=content, importance=0.5, tags=("hobby",))
                for content in wordings(_FIRST_WORDING + number)
            ]
        )

    async def _due(self, job_type: str, bot: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE scheduled_jobs SET next_run_at = now()"
                " WHERE job_type = $1 AND bot_id = $2 AND enabled AND next_run_at > now()",
                job_type,
                bot,
            )
