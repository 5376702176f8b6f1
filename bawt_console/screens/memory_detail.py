"""What stands beside the lists of memories: one memory with its worth and its merges."""

from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical

from bawt_console.formatting import Tone, phrase
from bawt_console.screens.desk import Desk
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.memory_lines import Merge, memory_lines
from bawt_console.widgets.memory_table import memory_state

if TYPE_CHECKING:
    from bawt_console.records import MemoryRow
    from bawt_console.source import Source

MERGES_SHOWN = 10


class MemoryDetail(Vertical):
    """See the module. The screen says which memory it is about and when to load."""

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._row: MemoryRow | None = None
        self._merges: tuple[Merge, ...] = ()

    def compose(self) -> ComposeResult:
        yield PartsLine(gap=" · ", filling="─", id="about-title")
        yield LinesPane(id="about")

    @property
    def lines(self) -> LinesPane:
        return self.query_one(LinesPane)

    async def load(self, row: "MemoryRow", source: "Source", *, anew: bool) -> None:
        """Fetches and shows all about a memory.

        Args:
            anew: whether its merges may be different.
        """
        if anew or row != self._row:
            self._merges = await _merges_of(row, source)
            self._row = row
        title = [
            Part(phrase=phrase(f"{row.memory.bot_id} {row.memory.id}", Tone.STRONG), keep=100, least=10),
            Part(phrase=memory_state(row), keep=90),
        ]
        self.query_one("#about-title", PartsLine).show(title)
        self.lines.show(memory_lines(row, self._merges, self._desk.now(), self._desk.zone))

    def run_of(self, row: "MemoryRow") -> UUID | None:
        """The run that archived or merged a memory, or that last merged others into it."""
        if row.run_id is not None:
            return row.run_id
        return self._merges[0].record.run_id if self._merges and self._row == row else None


async def _merges_of(row: "MemoryRow", source: "Source") -> tuple[Merge, ...]:
    """The merge a memory went away by, or those it took others in by."""
    bot, records = row.memory.bot_id, source.records
    survivor = await records.lineage(bot, row.merged_into or row.memory.id)
    if survivor is None:
        return ()
    merges = survivor.merges
    if row.merged_into is not None:
        merges = tuple(each for each in merges if each.run_id == row.run_id and row.memory.id in each.members)
    return tuple(
        [
            Merge(record=each, members=await records.members(bot, each), survivor=survivor)
            for each in merges[:MERGES_SHOWN]
        ]
    )
