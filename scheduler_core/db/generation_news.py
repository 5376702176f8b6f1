"""How consoles hear what a model is writing: in the payload of a notification, and nowhere else.

No table holds the words, so nothing has to be pruned, undone or forgotten: they are gone once heard. A
console that starts later hears the next news, which begin early enough to make sense.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.notify import GENERATION_CHANNEL
from scheduler_core.db.text import storable
from scheduler_core.domain import Generation

# PostgreSQL takes fewer than 8,000 bytes.
MOST_BYTES = 7_900


class GenerationNews:
    """Tells whoever listens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, generations: Sequence[Generation]) -> None:
        """
        Raises:
            DatabaseError: nobody heard it.
        """
        async with self._database.connection() as connection:
            await connection.execute(
                "SELECT pg_notify($1, news) FROM unnest($2::text[]) news",
                GENERATION_CHANNEL,
                [_written(each) for each in generations],
            )


def generation_of(payload: str) -> Generation | None:
    """The news in a payload; None if it is not ours."""
    try:
        values = json.loads(payload)
        return Generation(**values | {"run_id": UUID(values["run_id"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _written(generation: Generation) -> str:
    values = asdict(generation) | {"run_id": str(generation.run_id)}
    text = storable(generation.text or "")
    if generation.text is None:
        return json.dumps(values)
    room = MOST_BYTES - len(json.dumps(values | {"text": ""}))
    kept = text
    while len(json.dumps(kept, ensure_ascii=False).encode()) > room:
        # Each step leaves out at least one character, and most of what is too much.
        over = len(json.dumps(kept, ensure_ascii=False).encode()) - room
        kept = kept[max(1, over // 4) :]
    start = generation.start + len(text) - len(kept)
    return json.dumps(values | {"text": kept, "start": start}, ensure_ascii=False)
