"""`bawt-console profiles forget`: what would go, a question to be answered in full, and the proof."""

import sys
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import print_json, print_line, print_note
from scheduler_core.domain import Entity
from scheduler_core.errors import SchedulerError

if TYPE_CHECKING:
    from scheduler_core.db.forgetting import Forgotten, Known
    from scheduler_core.db.traces import Traces

# For one and for many.
_WORDS = {
    "attributes": ("attribute", "attributes"),
    "versions": ("version of the summary", "versions of the summary"),
    "drafts": ("refused draft", "refused drafts"),
    "judgements": ("decision of a model", "decisions of models"),
    "memories": ("memory in use", "memories in use"),
    "archived_memories": ("memory in the archive", "memories in the archive"),
    "runs": ("run, which stays without it", "runs, which stay without it"),
    "log_lines": ("line of a log", "lines of logs"),
    "plans": ("plan of a dry run", "plans of dry runs"),
    "actions": ("record of what somebody did", "records of what people did"),
    "jobs_paused": ("job for it alone, which pauses", "jobs for it alone, which pause"),
    "jobs_deleted": ("job of the bot", "jobs of the bot"),
}
_MENTIONS = {
    "memories": ("memory in use", "memories in use"),
    "archived": ("memory in the archive", "memories in the archive"),
    "attributes": ("attribute of others", "attributes of others"),
}


@click.command("forget", epilog="ENTITY is user/NAME or bot/NAME.")
@click.argument("entity")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--memories", is_flag=True, help="Also delete memories of bots whose text names ENTITY.")
@click.option(
    "--rewrite",
    is_flag=True,
    help="Write the tables anew, so that their files keep no old copies. Everything waits meanwhile.",
)
@shared_options
@click.pass_obj
@click.pass_context
def forget(
    context: click.Context, options: Options, entity: str, yes: bool, memories: bool, rewrite: bool
) -> None:
    """Remove every trace of ENTITY for good, and search the whole database for what is left.

    Attributes, summaries and their versions, drafts, decisions, plans, logs and results of runs, what people
    did to it, and for a bot its memories, archive and jobs. Without --yes it shows what would go and asks.
    Nothing can bring it back. Exit code 1: something was found afterwards, and it says where.
    """
    from bawt_console.commands.profiles import parse_entity

    wanted = parse_entity(entity)
    if not yes:
        known = in_session(options, lambda session: _look(session, wanted))
        _show(wanted, known, options, memories=memories)
        if options.json or not sys.stdin.isatty():
            print_note(f"Nothing was removed. To do it: bawt-console profiles forget {entity} --yes")
            return
        typed = click.prompt(f"Type {wanted} to forget it for good", default="", show_default=False, err=True)
        if typed.strip().lower() != str(wanted):
            print_note("Nothing was removed.")
            context.exit(SchedulerError.exit_code)

    async def work(session: Session) -> "Forgotten":
        from scheduler_core.db.forgetting import Forgetting
        from scheduler_core.installation import local_actor

        forgetting = Forgetting(session.database, actor=local_actor("command"))
        return await forgetting.forget(wanted, mentions=memories, rewrite=rewrite)

    done = in_session(options, work)
    if options.json:
        print_json(_as_json(done))
    else:
        _report(done, memories=memories)
    if not done.traces.is_clean:
        context.exit(SchedulerError.exit_code)


async def _look(session: Session, entity: Entity) -> "Known":
    from scheduler_core.db.forgetting import Forgetting
    from scheduler_core.installation import local_actor

    return await Forgetting(session.database, actor=local_actor("command")).look(entity)


def _show(entity: Entity, known: "Known", options: Options, *, memories: bool) -> None:
    if options.json:
        print_json(
            {
                "entity": str(entity),
                "would_remove": known.counts,
                "mentions": known.mentions,
                "in_hand": known.in_hand,
            }
        )
        return
    print_line(f"Forgetting {entity} would remove:")
    _print_counts(known)
    if known.in_hand:
        print_line(f"{_runs(known.in_hand)} at work may be writing about it and would be stopped first.")
    _print_mentions(known, memories=memories, is_done=False)


def _report(done: "Forgotten", *, memories: bool) -> None:
    print_line("Removed:")
    _print_counts(done.known)
    if done.cancelled:
        print_line(f"Asked to stop first: {_runs(done.cancelled)}; what else they had to do, the next do.")
    _print_mentions(done.known, memories=memories, is_done=True)
    print_line(_proof(done.traces))
    for place, rows in done.traces.places.items():
        print_line(f"  {place}: {rows} {'row' if rows == 1 else 'rows'}")
    if not done.cleaned:
        print_note("The tables could not be written anew, because somebody was using them. Try it later.")
    print_note(
        f"The audit calls it {done.token}. Backups made before still hold it, and so may free space in the"
        " files of the server."
    )


def _print_counts(known: "Known") -> None:
    for name, words in _WORDS.items():
        if known.counts.get(name):
            print_line(_counted(known.counts[name], words))


def _print_mentions(known: "Known", *, memories: bool, is_done: bool) -> None:
    found = {name: known.mentions[name] for name in _MENTIONS if known.mentions.get(name)}
    if not found:
        return
    print_line("Others name it in:")
    for name, count in found.items():
        ours = memories and name != "attributes"
        fate = ("deleted" if is_done else "would be deleted") if ours else "left for you to judge"
        print_line(f"{_counted(count, _MENTIONS[name])} ({fate})")
    if not memories and not is_done:
        print_line("--memories deletes the memories too.")


def _counted(count: int, words: tuple[str, str]) -> str:
    return f"  {count:>7,}  {words[0] if count == 1 else words[1]}"


def _proof(traces: "Traces") -> str:
    looked = f"{traces.strings:,} strings in {traces.columns} columns of the whole database"
    left_out = (
        f" ({traces.left_out:,} more say nothing about it: too short, or others have them too)"
        if traces.left_out
        else ""
    )
    if traces.is_clean:
        return f"Searched for {looked}: none is left.{left_out}"
    return f"Searched for {looked}: {traces.found} are still there.{left_out}"


def _as_json(done: "Forgotten") -> dict[str, object]:
    return {
        "forgotten": done.token,
        "removed": done.known.counts,
        "mentions": done.known.mentions,
        "cancelled": done.cancelled,
        "cleaned": done.cleaned,
        "search": {
            "clean": done.traces.is_clean,
            "strings": done.traces.strings,
            "left_out": done.traces.left_out,
            "columns": done.traces.columns,
            "places": done.traces.places,
        },
    }


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"
