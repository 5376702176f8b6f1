"""`bawt-console profiles list|sources|drafts`: looking through profiles as the console's screen does."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_note, print_table
from scheduler_core.domain import Sentence, short_run_id
from scheduler_core.errors import NotFoundError

if TYPE_CHECKING:
    from scheduler_core.db.listings import ProfileRow
    from scheduler_core.db.profile_store import Draft
    from scheduler_core.domain import Attribute

ENTITY_HELP = "ENTITY is user/NAME or bot/NAME."
LONGEST_CELL = 60


@click.command("list")
@click.argument("words", metavar="[FILTER]...", nargs=-1)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N")
@shared_options
@click.pass_obj
def list_profiles(options: Options, words: tuple[str, ...], limit: int) -> None:
    """Profiles by name, with the state of their summaries.

    FILTER is what `/` takes on the screen, such as: state:suspicious type:user ada
    """
    from bawt_console.filters import OF_PROFILES, parse_filter

    wanted = parse_filter(" ".join(words), OF_PROFILES).profile_filter()

    async def work(session: Session) -> "list[ProfileRow]":
        from scheduler_core.db.listings import Listings

        return await Listings(session.database).profiles(wanted, limit=limit + 1)

    found = in_session(options, work)
    if options.json:
        for row in found[:limit]:
            print_json(plain(row) | {"entity": str(row.profile.entity)})
    else:
        head = ("STATE", "ENTITY", "NAME", "ATTRIBUTES", "VERSION", "SUMMARY")
        print_table(head, [_row(row) for row in found[:limit]])
    if len(found) > limit:
        print_note(f"Only the first {limit:,} are shown; --limit shows more.")


@click.command("sources", epilog=ENTITY_HELP)
@click.argument("entity")
@click.argument("version", required=False, type=click.IntRange(1))
@shared_options
@click.pass_obj
def sources(options: Options, entity: str, version: int | None) -> None:
    """Each sentence of ENTITY's summary, or of an earlier VERSION, and what it rests on."""
    from bawt_console.commands.profiles import parse_entity

    wanted = parse_entity(entity)

    async def work(session: Session) -> None:
        from scheduler_core.db.profile_history import ProfileHistory

        known = await session.profiles.snapshot(wanted)
        number = version or (
            known.version.version if known is not None and known.version is not None else None
        )
        if known is None or number is None:
            raise NotFoundError(
                f"{wanted} has no summary yet.", "It is made by: bawt-console jobs run profile_maintenance"
            )
        found = await ProfileHistory(session.database).version(wanted, number)
        attributes = {each.id: each for each in known.attributes}
        for sentence in found.version.sentences:
            if options.json:
                print_json(_sources_json(sentence, attributes, found.changed))
            else:
                _print_sources(sentence, attributes, found.changed)

    in_session(options, work)


@click.command("drafts", epilog=ENTITY_HELP)
@click.argument("entity")
@shared_options
@click.pass_obj
def drafts(options: Options, entity: str) -> None:
    """What a model wrote of ENTITY and was refused, newest first, with the reasons."""
    from bawt_console.commands.profiles import parse_entity

    wanted = parse_entity(entity)

    async def work(session: Session) -> "tuple[Draft, ...]":
        if await session.profiles.profile(wanted) is None:
            raise NotFoundError(
                f"Nothing is known of {wanted}.", "Import attributes with: bawt-console profiles import FILE"
            )
        return await session.profiles.drafts(wanted)

    for draft in reversed(in_session(options, work)):
        if options.json:
            print_json(draft)
            continue
        when = "" if draft.at is None else f"  {draft.at:%Y-%m-%d %H:%M}"
        run = "" if draft.run_id is None else f"  run {short_run_id(draft.run_id)}"
        print_line(f"{draft.category}{when}{run}")
        for failure in draft.failures:
            print_line(f"  ✗ {failure}")
        ids = "".join(f"[{each}]" for each in draft.attribute_ids)
        print_line(f"  {draft.text}  {ids}".rstrip())


def _row(row: "ProfileRow") -> tuple[str, ...]:
    from bawt_console.formatting import one_line

    profile = row.profile
    told = "; ".join(row.suspicious) or profile.summary or "–"
    return (
        str(row.state),
        str(profile.entity),
        profile.display_name or "",
        str(row.attributes),
        "–" if row.version is None else str(row.version),
        one_line(told)[:LONGEST_CELL],
    )


def _sources_json(
    sentence: Sentence, attributes: "Mapping[int, Attribute]", changed: tuple[int, ...]
) -> dict[str, object]:
    known = [
        {"id": number, "deleted": True}
        if number not in attributes
        else plain(attributes[number]) | {"deleted": False, "changed": number in changed}
        for number in sentence.attribute_ids
    ]
    return {"text": sentence.text, "category": sentence.category, "sources": known}


def _print_sources(
    sentence: Sentence, attributes: "Mapping[int, Attribute]", changed: tuple[int, ...]
) -> None:
    from bawt_console.commands.profiles import attribute_line

    print_line(sentence.text)
    for number in sentence.attribute_ids:
        found = attributes.get(number)
        if found is None:
            print_line(f"  [{number}] was deleted since")
        else:
            print_line(f"  {attribute_line(found)}{', reads differently now' if number in changed else ''}")
