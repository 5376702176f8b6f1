"""`bawt-console adopt`: copies for our maintenance in an llm-bawt service's database, and the way back."""

import asyncio
from typing import TYPE_CHECKING

import click

from bawt_console.commands.publication import (
    print_taken_back,
    publish_summaries,
    take_back_summaries,
    taken_back,
)
from bawt_console.commands.session import Options, shared_options
from bawt_console.formatting import counted
from bawt_console.output import plain, print_json, print_line

if TYPE_CHECKING:
    from scheduler_core.db.connect import Address
    from scheduler_core.db.llm_bawt.adoption import Copies, Held


@click.command("adopt", short_help="Let maintenance work on copies in an llm-bawt service's database.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; nothing is written.")
@click.option("--undo", is_flag=True, help="Drop the copies and all that was made of them.")
@click.option("--publish", is_flag=True, help="Give the summaries of the copies to the service.")
@click.option("--unpublish", is_flag=True, help="Put back what stood in their place.")
@shared_options
@click.pass_obj
def adopt(options: Options, dry_run: bool, undo: bool, publish: bool, unpublish: bool) -> None:
    """Copy an llm-bawt service's profiles and memories into a schema of their own in its database, so that
    maintenance can work on them.

    Nothing of the service is changed, and it sees nothing of the copies, until --publish writes the summaries
    that maintenance made into its profiles. --unpublish puts back what stood there, but not where the service
    has written another summary since. --undo does that too, and the database is again as it was before.
    """
    from scheduler_core.installation import open_address

    if undo + publish + unpublish > 1:
        raise click.UsageError("--undo, --publish and --unpublish go one at a time.")
    act = _adopt
    if undo:
        act = _undo
    elif publish:
        act = publish_summaries
    elif unpublish:
        act = take_back_summaries

    async def work() -> None:
        async with open_address(options.settings()) as address:
            await act(options, address, dry_run)

    asyncio.run(work())


async def _adopt(options: Options, address: "Address", dry_run: bool) -> None:
    from scheduler_core.db.llm_bawt.adoption import adopt, plan_adoption, within
    from scheduler_core.db.llm_bawt.copies import SCHEMA

    copies = await (plan_adoption if dry_run else adopt)(address)
    url = within(address).dsn_without_password
    if options.json:
        print_json(plain(copies) | {"schema": SCHEMA, "done": not dry_run, "database_url": url})
        return
    _print_copies(copies, SCHEMA, "Would make" if dry_run else "Made", address.label)
    if dry_run:
        print_line("Nothing was written. Do it with: bawt-console adopt")
    else:
        print_line("Work on the copies with the password added, where there is one:")
        print_line(f"  bawt-console --database-url '{url}'")
        print_line("Give the service the summaries that maintenance makes: bawt-console adopt --publish")
        print_line("Take it all back with: bawt-console adopt --undo")


def _print_copies(copies: "Copies", schema: str, verb: str, label: str) -> None:
    print_line(f"{verb} the schema {schema} in {label}, and in it copies of:")
    print_line(f"  {counted(copies.profiles, 'profile')} with {counted(copies.attributes, 'attribute')}")
    if copies.repeated:
        print_line(f"    {copies.repeated:,} more only repeat one of them and are stored once")
    if copies.names_left_out:
        print_line(
            f"    {counted(copies.names_left_out, 'display name')} left out for naming nobody, such as He"
        )
    memories = sum(copies.memories.values())
    print_line(f"  {counted(memories, 'memory', plural='memories')}")
    for bot, number in sorted(copies.memories.items()):
        print_line(f"    {bot}: {number:,}")
    print_line("  no summary: a service's does not say what it rests on, so maintenance writes its own")
    for reason, number in copies.rejected.most_common():
        print_line(f"  left out, {number:,}: {reason}")


async def _undo(options: Options, address: "Address", dry_run: bool) -> None:
    from scheduler_core.db.llm_bawt.adoption import held_copies, undo_adoption
    from scheduler_core.db.llm_bawt.copies import SCHEMA

    held: Held = await (held_copies if dry_run else undo_adoption)(address)
    if options.json:
        taken = None if held.taken_back is None else taken_back(held.taken_back)
        print_json(plain(held) | {"taken_back": taken, "schema": SCHEMA, "done": not dry_run})
        return
    if held.taken_back is not None:
        print_taken_back(held.taken_back, dry_run=dry_run)
    verb = "Would drop" if dry_run else "Dropped"
    print_line(
        f"{verb} the schema {SCHEMA} with {held.tables} tables, {counted(held.profiles, 'profile')},"
        f" {counted(held.summaries, 'summary', plural='summaries')} and"
        f" {counted(held.memories, 'memory', plural='memories')} in use."
    )
    if dry_run:
        print_line("Nothing was written. Do it with: bawt-console adopt --undo")
    else:
        print_line("The service's own tables are as they were, but for what it wrote itself.")
