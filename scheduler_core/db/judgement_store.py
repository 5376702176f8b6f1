"""What a model decided about ambiguous lines of a profile, so that it is asked once.

Lines are known by hashes only. A decision goes with its profile, and when one of its lines changes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scheduler_core.db.database import Database
from scheduler_core.db.profile_rows import entity_of
from scheduler_core.db.statement import statement
from scheduler_core.domain import Entity


class Decision(StrEnum):
    """What a model decided about two lines, or about one. The words are stored."""

    SAME = "same"
    NEWER = "newer"
    NOISE = "noise"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One decision about the lines with these hashes; noise names one line twice."""

    winner: bytes
    loser: bytes
    decision: Decision


class JudgementStore:
    """One method per statement over `entity_profile_judgements`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(
        self, entity: Entity, *, model: str | None, recipe: int
    ) -> Mapping[tuple[bytes, bytes], Decision]:
        """Decisions about an entity by the hashes of winner and loser.

        Args:
            model: whose decisions; None for the latest of any model.
        """
        return (await self.known_of([entity], model=model, recipe=recipe)).get(entity, {})

    async def known_of(
        self, entities: Sequence[Entity], *, model: str | None, recipe: int
    ) -> dict[Entity, dict[tuple[bytes, bytes], Decision]]:
        """The same for many entities; those without a decision are left out."""
        sql = statement("profile_judgements")
        values = sql.bind(
            entity_types=[entity.type.value for entity in entities],
            entity_ids=[entity.id for entity in entities],
            model=model,
            recipe=recipe,
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *values)
        known: dict[Entity, dict[tuple[bytes, bytes], Decision]] = {}
        for row in rows:
            pair = (row["winner"], row["loser"])
            known.setdefault(entity_of(row), {})[pair] = Decision(row["decision"])
        return known

    async def keep(
        self,
        entity: Entity,
        fresh: Sequence[Judgement],
        *,
        current: Collection[tuple[bytes, bytes]],
        model: str,
        recipe: int,
    ) -> None:
        """Adds decisions and forgets those about lines that are no longer there.

        Args:
            current: the hashes of every pair that may be decided about now.
            model: who decided; ignored if nothing is fresh.
        """
        sql = statement("profile_keep_judgements")
        async with self._database.connection() as connection:
            await connection.execute(
                sql.text,
                *sql.bind(
                    **_named(entity),
                    current_winners=[winner for winner, _ in current],
                    current_losers=[loser for _, loser in current],
                    winners=[judgement.winner for judgement in fresh],
                    losers=[judgement.loser for judgement in fresh],
                    decisions=[judgement.decision.value for judgement in fresh],
                    model=model,
                    recipe=recipe,
                ),
            )


def _named(entity: Entity) -> dict[str, str]:
    return {"entity_type": entity.type.value, "entity_id": entity.id}
