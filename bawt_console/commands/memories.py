"""`bawt-console memories`: import, export, list, show, restore, purge.

What a person remembers is shown because they asked for it; errors name ids only.
"""

import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bawt_console.commands.files import opened, require_file
from bawt_console.commands.memory_restore import restore
from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_note, print_table
from scheduler_core.errors import ConfigError, DataError, NotFoundError

if TYPE_CHECKING:
    from scheduler_core.db.listings import MemoryRow
    from scheduler_core.db.memory_file import MemoryReport
    from scheduler_core.db.memory_rows import ArchivedMemory, Memory, MemoryLineage

MOST_NOTES = 50
LONGEST_CELL = 80
STATES = ("active", "archived", "merged")

bot_option = click.option("--bot", metavar="BOT", help="Only memories of this bot.")
state_option = click.option(
    "--state",
    type=click.Choice(STATES),
    default="active",
    show_default=True,
    help="In use, archived by decay, or merged into another.",
)


@click.group(short_help="Import, export, list, show and restore memories.")
def memories() -> None:
    """Memories of bots, and the archive that jobs move them to."""


memories.add_command(restore)


@memories.command("import")
@click.argument("file", metavar="FILE")
@shared_options
@click.pass_obj
@click.pass_context
def import_file(context: click.Context, options: Options, file: str) -> None:
    """Store memories from FILE, one JSON object a line; - reads stdin.

    bot_id and content are needed. A line with the id of a stored memory replaces the fields it gives. Bad
    lines are named and left out, and the exit code is then 2; the good ones go in. Importing the same file
    again changes nothing.
    """

    async def work(session: Session) -> "MemoryReport":
        from scheduler_core.db.memory_file import bounded_lines, import_memories
        from scheduler_core.db.memory_store import MemoryStore

        with opened(file) as stream:
            return await import_memories(MemoryStore(session.database), bounded_lines(stream))

    if file != "-":
        require_file(Path(file))
    report = in_session(options, work)
    stored = report.stored
    for rejected in report.rejected[:MOST_NOTES]:
        print_note(f"line {rejected.line}: {rejected.reason}")
    if report.rejected_count > MOST_NOTES:
        print_note(f"… and {report.rejected_count - MOST_NOTES:,} more lines.")
    if report.rejected_count and not any((stored.added, stored.changed, stored.unchanged, stored.archived)):
        print_note("Not one line could be used; the file should hold one JSON object a line.")
    if stored.archived:
        print_note(
            f"{stored.archived:,} lie in the archive and stay there; memories restore brings them back."
        )
    if options.json:
        print_json(plain(stored) | {"rejected": report.rejected_count})
    else:
        print_line(
            f"{stored.added} added, {stored.changed} changed, {stored.unchanged} unchanged,"
            f" {stored.archived} archived, {report.rejected_count} rejected"
        )
    if report.rejected_count:
        context.exit(DataError.exit_code)


@memories.command("export")
@bot_option
@state_option
@shared_options
@click.pass_obj
def export(options: Options, bot: str | None, state: str) -> None:
    """Write memories to stdout as JSON lines that import understands."""

    async def work(session: Session) -> None:
        from scheduler_core.db.memory_file import export_lines
        from scheduler_core.db.memory_store import MemoryState, MemoryStore

        lines = export_lines(MemoryStore(session.database), state=MemoryState(state), bot_id=bot)
        # Closed before the database is, also when the reader of our stdout leaves early.
        async with aclosing(lines):
            async for line in lines:
                sys.stdout.buffer.write(line.encode("utf-8"))
        sys.stdout.buffer.flush()

    in_session(options, work)


@memories.command("list")
@click.argument("words", metavar="[FILTER]...", nargs=-1)
@bot_option
@state_option
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N")
@shared_options
@click.pass_obj
def list_memories(options: Options, words: tuple[str, ...], bot: str | None, state: str, limit: int) -> None:
    """Memories in use by bot and id, or archived ones, the latest first.

    FILTER is what `/` takes on the screen, such as: tag:health 'score<0.1' 'importance>0.7' coffee
    """
    from bawt_console.filters import OF_MEMORIES, parse_filter

    wanted = parse_filter(" ".join(words), OF_MEMORIES).memory_filter()
    if bot is not None:
        wanted = replace(wanted, bot=bot)

    async def work(session: Session) -> "list[MemoryRow]":
        from scheduler_core.db.listings import Listings

        return await Listings(session.database).memories(state, wanted, limit=limit + 1)

    found = in_session(options, work)
    shown = found[:limit]
    if options.json:
        for one in shown:
            print_json(_listing_json(one))
    else:
        print_table(
            ("BOT", "ID", "ADDED" if state == "active" else "ARCHIVED", "WORTH", "TEXT"),
            [_row(one) for one in shown],
        )
    if len(found) > limit:
        print_note(f"Only the first {limit:,} are shown; --limit shows more.")


@memories.command("show")
@click.argument("memory_id", metavar="ID")
@bot_option
@shared_options
@click.pass_obj
def show(options: Options, memory_id: str, bot: str | None) -> None:
    """A memory, what was merged into it, and why it was archived if it was."""

    async def work(session: Session) -> None:
        from scheduler_core.db.listings import Listings

        bot_id, lineage = await found_memory(session, memory_id, bot)
        listings = Listings(session.database)
        members = [await listings.members(bot_id, merge) for merge in lineage.merges]
        in_use = None if lineage.active is None else await listings.memory_in_use(bot_id, memory_id)
        if options.json:
            worth = None if in_use is None else {"value": in_use.score, "shield": plain(in_use.shield)}
            texts = [{row.memory.id: row.memory.content for row in rows} for rows in members]
            print_json({"bot_id": bot_id, "id": memory_id, "worth": worth, "members": texts} | plain(lineage))
        else:
            _print(bot_id, memory_id, lineage, members, in_use)

    in_session(options, work)


@memories.command("purge")
@click.option("--days", type=click.IntRange(1, 36_500), default=90, show_default=True, metavar="N")
@click.option("--dry-run", is_flag=True, help="Only count.")
@shared_options
@click.pass_obj
def purge(options: Options, days: int, dry_run: bool) -> None:
    """Delete for good what has been in the archive for N days."""

    async def work(session: Session) -> int:
        from scheduler_core.db.memory_archive import MemoryArchive

        store = MemoryArchive(session.database)
        if dry_run:
            return await store.purge(days=days, dry_run=True)
        total = 0
        while deleted := await store.purge(days=days):
            total += deleted
        return total

    count = in_session(options, work)
    if options.json:
        print_json({"would_purge" if dry_run else "purged": count})
    else:
        print_line(f"{count:,} archived memories {'would be' if dry_run else 'were'} deleted for good.")


async def found_memory(session: Session, memory_id: str, bot: str | None) -> "tuple[str, MemoryLineage]":
    """
    Raises:
        NotFoundError: nobody has it.
        ConfigError: two bots do.
    """
    from scheduler_core.db.memory_store import MemoryStore

    found = await MemoryStore(session.database).lineage(memory_id, bot_id=bot)
    if not found:
        raise NotFoundError(f"There is no memory {memory_id}.", "List them with: bawt-console memories list")
    if len(found) > 1:
        raise ConfigError(
            f"Several bots have a memory {memory_id}: {', '.join(found)}.", "Name one with --bot."
        )
    return next(iter(found.items()))


def _listing_json(one: "MemoryRow") -> dict[str, Any]:
    more: dict[str, Any] = {"state": one.state.value, "worth": one.score, "shield": plain(one.shield)}
    if one.number is not None:
        more |= {"archived_at": plain(one.at), "run_id": plain(one.run_id), "merged_into": one.merged_into}
    return plain(one.memory) | more  # type: ignore[no-any-return]


def _row(one: "MemoryRow") -> tuple[str, ...]:
    from bawt_console.formatting import one_line

    text = one_line(one.memory.content, limit=LONGEST_CELL)
    if one.merged_into is not None:
        text = f"→ {one.merged_into}  {text}"
    worth = "–" if one.score is None else f"{one.score:.3f}"
    if one.shield is not None:
        worth += f" {one.shield}"
    return one.memory.bot_id, one.memory.id, f"{one.at:%Y-%m-%d}", worth, text


def _print(
    bot_id: str,
    memory_id: str,
    lineage: "MemoryLineage",
    members: "Sequence[Sequence[MemoryRow]]",
    in_use: "MemoryRow | None",
) -> None:
    from bawt_console.memory_worth import fate, worth_sentences

    print_line(f"{bot_id}  {memory_id}")
    if lineage.active is not None:
        print_line("in use")
        _print_memory(lineage.active)
    if in_use is not None:
        for told in (fate(in_use.score, in_use.shield), *worth_sentences(in_use.numbers, left=False)):
            print_line(f"  {told}")
    for merge, rows in zip(lineage.merges, members, strict=True):
        print_line(f"took in {', '.join(merge.members)}  {merge.merged_at:%Y-%m-%d}, run {merge.run_id}")
        for row in rows:
            print_line(f"  {row.memory.id}  {row.memory.content}")
    for copy in lineage.archived:
        print_line(_archived_line(copy))
        _print_memory(copy.memory)


def _archived_line(copy: "ArchivedMemory") -> str:
    from scheduler_core.maintenance.decay import why

    when = f"{copy.archived_at:%Y-%m-%d} by run {copy.run_id}"
    if copy.merged_into is not None:
        return f"merged into {copy.merged_into} on {when}"
    reason = f": {why(copy.numbers)}" if copy.numbers else ""
    return f"archived on {when}{reason}"


def _print_memory(memory: "Memory") -> None:
    print_line(f"  {memory.content}")
    since = f"{memory.created_at:%Y-%m-%d}" if memory.created_at else "?"
    last = f"{memory.last_accessed:%Y-%m-%d}" if memory.last_accessed else "never"
    print_line(
        f"  ({', '.join(memory.tags)}; importance {memory.importance:.2f}; {memory.source}"
        f"{', pinned' if memory.pinned else ''}; since {since}; {memory.access_count} uses, last {last})"
    )
