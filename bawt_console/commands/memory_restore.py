"""`bawt-console memories restore`: one memory, several, or all of the archive that a filter finds."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import print_json, print_line, print_note
from scheduler_core.errors import StateError

if TYPE_CHECKING:
    from scheduler_core.db.memory_recall import Key, Recallable, Recalled
    from scheduler_core.domain import MemoryFilter

PAGE = 1_000
MOST_AT_ONCE = 10_000


@click.command("restore")
@click.argument("memory_ids", metavar="[ID]...", nargs=-1)
@click.option("--bot", metavar="BOT", help="Only memories of this bot.")
@click.option(
    "--filter", "words", metavar="FILTER", default="", help="All that fit, such as: 'tag:work score<0.05'"
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@shared_options
@click.pass_obj
@click.pass_context
def restore(
    context: click.Context,
    options: Options,
    memory_ids: tuple[str, ...],
    bot: str | None,
    words: str,
    dry_run: bool,
) -> None:
    """Bring archived memories back as they were.

    One that was merged brings back all that were merged with it, and they are kept apart from then on.
    Several come back in one step; those that cannot are named and left out, and the exit code is then 2. To
    take a whole run back: bawt-console runs undo RUN
    """
    if bool(memory_ids) is bool(words):
        raise click.UsageError("Name memories, or give --filter.")
    if len(memory_ids) == 1 and not dry_run:
        _restore_one(options, memory_ids[0], bot)
        return
    from bawt_console.filters import OF_MEMORIES, parse_filter

    wanted = parse_filter(words, OF_MEMORIES).memory_filter()

    async def work(session: Session) -> bool:
        from scheduler_core.db.memory_recall import MemoryRecall
        from scheduler_core.installation import local_actor

        recall = MemoryRecall(session.database, actor=local_actor("command"))
        keys = await _keys(session, memory_ids, bot, wanted)
        if not dry_run:
            return _tell_done(options, await recall.recall(keys))
        _tell_count(options, await recall.recallable(keys))
        return False

    if in_session(options, work):
        context.exit(StateError.exit_code)


def _tell_count(options: Options, count: "Recallable") -> None:
    if options.json:
        print_json({"archived": count.archived, "would_restore": count.back})
    else:
        print_line(f"{count.archived:,} lie in the archive; {count.back:,} would come back.")


def _tell_done(options: Options, done: "Recalled") -> bool:
    """Whether something was left out."""
    names = [f"{bot}/{id_}" for bot, id_ in done.back]
    if options.json:
        print_json({"restored": names, "left_out": done.left_out})
    else:
        print_line(f"{len(names):,} came back.")
        for name in names:
            print_line(f"  {name}")
    for reason in done.left_out:
        print_note(f"left out: {reason}")
    return bool(done.left_out)


def _restore_one(options: Options, memory_id: str, bot: str | None) -> None:
    async def work(session: Session) -> tuple[str, tuple[str, ...]]:
        from bawt_console.commands.memories import found_memory
        from scheduler_core.db.memory_archive import MemoryArchive
        from scheduler_core.installation import local_actor

        bot_id, _ = await found_memory(session, memory_id, bot)
        archive = MemoryArchive(session.database)
        return bot_id, await archive.restore(bot_id, memory_id, actor=local_actor("command"))

    bot_id, back = in_session(options, work)
    if options.json:
        print_json({"bot_id": bot_id, "restored": back})
    else:
        print_line(f"Back in the memory of {bot_id}: {', '.join(back)}")


async def _keys(
    session: Session, memory_ids: tuple[str, ...], bot: str | None, wanted: "MemoryFilter"
) -> "list[Key]":
    """The memories that are meant.

    Raises:
        StateError: the filter finds more than are brought back at once.
    """
    from bawt_console.commands.memories import found_memory
    from scheduler_core.db.listings import Listings

    if memory_ids:
        return [((await found_memory(session, each, bot))[0], each) for each in memory_ids]
    wanted = wanted if bot is None else replace(wanted, bot=bot)
    listings = Listings(session.database)
    keys: dict[Key, None] = {}
    for state in ("archived", "merged"):
        last = None
        while page := await listings.memories(state, wanted, after=last, limit=PAGE):
            keys |= dict.fromkeys((row.memory.bot_id, row.memory.id) for row in page)
            last = page[-1]
            if len(keys) > MOST_AT_ONCE:
                raise StateError(
                    f"The filter finds more than {MOST_AT_ONCE:,} memories.",
                    "Narrow it, or take the run back with: bawt-console runs undo RUN",
                )
    return list(keys)
