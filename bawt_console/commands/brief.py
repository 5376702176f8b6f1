"""`bawt-console brief`: what happened since your last visit, in a few lines."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_note

if TYPE_CHECKING:
    from scheduler_core.oversight import Brief


@click.command("brief", short_help="Say what happened since your last visit.")
@click.option("--since", default="", metavar="WHEN", help="Look back to 9h, 2d, 22:00 or 2026-11-22T18:00.")
@shared_options
@click.pass_obj
def brief(options: Options, since: str) -> None:
    """Say what happened since your last visit: failures, suspicious runs, missed slots, what was slow, what
    was undone, what is paused.

    Without --since this counts as a visit, as looking at the console does.
    """

    async def work(session: Session) -> None:
        from bawt_console.brief import begin_of, parse_since
        from bawt_console.visits import Visits
        from scheduler_core.data_directory import data_dir
        from scheduler_core.db.lookback import Lookback

        visits = Visits(data_dir(session.settings) / "state")
        label = session.address.label
        now = await session.history.now()
        last = visits.last(label)
        begin = parse_since(since, now) if since else begin_of(last, now)
        found = await Lookback(session.database).brief(begin)
        if options.json:
            print_json(
                plain(found) | {"total": found.total, "calm": found.is_calm, "last_visit": plain(last)}
            )
        else:
            _print(found, now, last=last if not since else begin, asked=bool(since))
        if not since:
            visits.note(label)

    in_session(options, work)


def _print(found: "Brief", now: datetime, *, last: datetime | None, asked: bool) -> None:
    from bawt_console.brief import headline, items_of, remarks
    from bawt_console.formatting import local_time, one_line

    print_line(headline(found, last_visit=None if asked else last).plain)
    for remark in remarks(found, now, last_visit=last):
        print_note(remark)
    for item in items_of(found):
        number = f"  {item.run.id}" if item.run is not None else ""
        at = local_time(item.at, now)
        said = f"{item.mark.plain:13} {item.name} {item.bot}  {at}  {item.says.plain}{number}"
        print_line(one_line(said))
