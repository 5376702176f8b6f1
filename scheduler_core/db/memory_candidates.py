"""What looking for memories that say the same reads: all texts in bulk, and pairs that wait for a judge."""

from collections.abc import Sequence

from scheduler_core.db.database import Database
from scheduler_core.db.memory_judgements import Judgement, Verdict
from scheduler_core.db.memory_neighbours import MemoryNeighbours
from scheduler_core.db.statement import statement

_PAGE = 10_000


class MemoryCandidates:
    """Statements over `memories`, `memory_changes` and `memory_judgements`; no memory is written.

    Attributes:
        neighbours: for bots with more memories than one would compare with all others.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.neighbours = MemoryNeighbours(database)

    async def count(self, bot_id: str) -> int:
        async with self._database.connection() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM memories WHERE bot_id = $1", bot_id))

    async def contents(self, bot_id: str) -> tuple[list[str], list[str]]:
        """Ids and texts of every memory of a bot, in the order of the bytes of the ids."""
        sql = statement("memory_contents")
        ids: list[str] = []
        contents: list[str] = []
        while True:
            after = ids[-1] if ids else ""
            async with self._database.connection() as connection:
                row = await connection.fetchrow(sql.text, *sql.bind(bot=bot_id, after=after, page=_PAGE))
            assert row is not None
            ids += row["ids"]
            contents += row["contents"]
            if len(row["ids"]) < _PAGE:
                return ids, contents

    async def revisit(self, bot_id: str, ids: Sequence[str]) -> None:
        """Lists these memories as changed, because they can be compared in a new way."""
        sql = statement("memory_revisit")
        async with self._database.connection() as connection:
            await connection.execute(sql.text, *sql.bind(bot=bot_id, ids=list(ids)))

    async def unsure(self, bot_id: str, *, judge: str, page: int) -> Sequence[Judgement]:
        """Pairs without a decision that `judge` was not asked about yet."""
        sql = statement("memory_unsure")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(bot=bot_id, judge=judge, page=page))
        return [
            Judgement(
                left_id=row["left_id"],
                right_id=row["right_id"],
                left_hash=row["left_hash"],
                right_hash=row["right_hash"],
                verdict=Verdict(row["verdict"]),
                judge=row["judge"],
            )
            for row in rows
        ]
