"""`bawt-console actions`: what people did, and taking it back."""

from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_table

if TYPE_CHECKING:
    from scheduler_core.db.operator_log import OperatorLog
    from scheduler_core.oversight import OperatorAction

PAGE = 300


@click.group(short_help="List what people did, and take it back.")
def actions() -> None:
    """Actions: who did what, from where, to which object and why. Not `audit`, which proves the schedule."""


@actions.command("list")
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@shared_options
@click.pass_obj
def list_actions(options: Options, words: tuple[str, ...], limit: int) -> None:
    """What people did, newest first, as far as FILTER finds it: pause ada, since:2d, who:ada*, did:edit."""

    async def work(session: Session) -> None:
        found = await _found(_log(session), session, " ".join(words), limit)
        if options.json:
            for action in found:
                print_json(plain(action) | {"can_be_undone": action.obstacle is None})
            return
        from bawt_console.formatting import full_time

        print_table(
            ("ID", "WHEN", "WHO", "DID", "TO", "UNDO", "REASON"),
            [
                (
                    str(action.id),
                    full_time(action.at),
                    action.actor,
                    action.action,
                    f"{action.object_type} {action.called}",
                    "yes" if action.obstacle is None else "no",
                    action.reason or "",
                )
                for action in found
            ],
        )

    in_session(options, work)


@actions.command("undo")
@click.argument("action_id", metavar="ID", type=click.IntRange(1, 2**62))
@shared_options
@click.pass_obj
def undo_action(options: Options, action_id: int) -> None:
    """Take back the action ID; refused, with the reason, where the object is no longer as it left it."""

    async def work(session: Session) -> None:
        said = await _log(session).undo_action(action_id)
        if options.json:
            print_json({"undone": action_id, "says": said})
        else:
            print_line(said)

    in_session(options, work)


def _log(session: Session) -> "OperatorLog":
    from scheduler_core.db.operator_log import OperatorLog
    from scheduler_core.installation import local_actor

    return OperatorLog(session.database, session.operations, actor=local_actor("command"))


async def _found(log: "OperatorLog", session: Session, text: str, limit: int) -> "list[OperatorAction]":
    """Reads pages until enough rows match, or there are no more."""
    from bawt_console.filters import OF_ACTIONS, parse_filter

    wanted, now = parse_filter(text, OF_ACTIONS), await session.history.now()
    found: list[OperatorAction] = []
    before: int | None = None
    while len(found) < limit:
        page = await log.actions(before=before, limit=PAGE)
        found += [action for action in page if wanted.matches_action(action, now)]
        if len(page) < PAGE:
            break
        before = page[-1].id
    return found[:limit]
