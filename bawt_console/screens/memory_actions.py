"""Bringing memories back from the archive: one, or all that are marked. It asks first."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bawt_console.formatting import Phrase, Tone, counted, one_line, phrase
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.live import LiveScreen
from scheduler_core.errors import NotFoundError

if TYPE_CHECKING:
    from bawt_console.records import Key, MemoryRow

LONGEST_QUOTE = 160
LONGEST_NAME = 60
NAMES_SHOWN = 4
REASONS_SHOWN = 2


def ask_restore(screen: LiveScreen, row: "MemoryRow") -> None:
    """Asks about one memory, then brings it back; of a merge, all that it took in."""
    source, memory = screen.source, row.memory
    name = f"{memory.bot_id}/{memory.id}"

    async def restore() -> str:
        try:
            back = await source.records.restore(memory.bot_id, memory.id)
        finally:
            # Also when somebody else was faster.
            screen.reread()
        return f"Brought back {_memories(len(back))} of {memory.bot_id}: {_listed(back)}."

    async def ask() -> str:
        count = await source.records.recallable([(memory.bot_id, memory.id)])
        if not count.archived:
            screen.reread()
            raise NotFoundError(f"{name} is not in the archive any more.", "Somebody brought it back.")
        effect = "It comes back as it was, and decay leaves it alone for 90 days."
        if row.merged_into is not None:
            come = "comes back as it was, and is" if count.back == 1 else "come back as they were, and are"
            effect = (
                f"It was merged into {row.merged_into}. {_memories(count.back).capitalize()} of that merge "
                f"{come} kept apart from then on."
            )
        what = phrase(one_line(memory.content, limit=LONGEST_QUOTE))
        _confirm(screen, "Bring this memory back?", [phrase(name, Tone.STRONG), what], effect, restore)
        return ""

    screen.act(ask)


def ask_restore_all(
    screen: LiveScreen, wanted: "Sequence[Key]", quotes: "Mapping[Key, str]", done_with: Callable[[], None]
) -> None:
    """Asks about several, then brings back those that can come.

    Args:
        quotes: what they say, as far as that is known here.
        done_with: called when that was done.
    """
    source = screen.source

    async def restore() -> str:
        try:
            done = await source.records.recall(wanted)
        finally:
            screen.reread()
        done_with()
        told = f"Brought back {_memories(len(done.back))}."
        if done.left_out:
            some = " ".join(done.left_out[:REASONS_SHOWN])
            told += f" Left out {len(done.left_out)}: {some}"
        return told

    async def ask() -> str:
        count = await source.records.recallable(wanted)
        if not count.archived:
            screen.reread()
            raise NotFoundError("None of them is in the archive any more.", "Somebody brought them back.")
        names = [f"“{one_line(quotes[key], limit=LONGEST_NAME)}”" for key in wanted if key in quotes]
        names += [f"{key[0]}/{key[1]}" for key in wanted if key not in quotes]
        effect = "They come back as they were, and decay leaves them alone for 90 days."
        if count.back > count.archived:
            effect = (
                f"Some were merged, and a merge is taken back as a whole: {_memories(count.back)} come back, "
                "as they were."
            )
        title = f"Bring back {_memories(count.archived)}?"
        _confirm(screen, title, [phrase(_listed(names))], effect, restore, many=count.archived > 1)
        return ""

    screen.act(ask)


def _confirm(
    screen: LiveScreen,
    title: str,
    lines: Sequence[Phrase],
    effect: str,
    restore: Callable[[], Awaitable[str]],
    *,
    many: bool = False,
) -> None:
    def answered(yes: bool | None) -> None:
        if yes:
            screen.act(restore)

    dialog = ConfirmScreen(
        title=title,
        lines=[*lines, phrase(effect, Tone.MUTED)],
        deed="Bring them back" if many else "Bring it back",
        refusal="Leave them" if many else "Leave it",
    )
    screen.app.push_screen(dialog, answered)


def _memories(number: int) -> str:
    return counted(number, "memory", plural="memories")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
