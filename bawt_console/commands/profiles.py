"""`bawt-console profiles`: what is known of people and bots, its past, and changes to it by hand."""

import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bawt_console.commands.changes import print_changes
from bawt_console.commands.files import opened, require_file
from bawt_console.commands.forgetting import forget
from bawt_console.commands.profile_views import drafts, list_profiles, sources
from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_note, print_table
from scheduler_core.domain import Change, Entity, EntityType, short_run_id
from scheduler_core.errors import ConfigError, DataError, NotFoundError

if TYPE_CHECKING:
    from scheduler_core.db.profile_file import ImportReport
    from scheduler_core.domain import Attribute, Profile

MOST_NOTES = 50
ENTITY_HELP = "ENTITY is user/NAME or bot/NAME."


@click.group(short_help="Import, export, show, roll back, pin and forget what is known of people and bots.")
def profiles() -> None:
    """Profiles: attributes of people and bots, and the summaries made of them."""


for _command in (list_profiles, sources, drafts, forget):
    profiles.add_command(_command)


@profiles.command("import")
@click.argument("file", metavar="FILE")
@shared_options
@click.pass_obj
@click.pass_context
def import_file(context: click.Context, options: Options, file: str) -> None:
    """Read attributes from FILE, one JSON object a line; - reads stdin.

    Bad lines are named and left out, and the exit code is then 2; the good ones go in. Importing the same
    file again changes nothing.
    """

    async def work(session: Session) -> "ImportReport":
        from scheduler_core.db.profile_file import bounded_lines, import_profiles

        with opened(file) as stream:
            return await import_profiles(session.profiles, bounded_lines(stream))

    if file != "-":
        require_file(Path(file))
    report = in_session(options, work)
    for rejected in report.rejected[:MOST_NOTES]:
        print_note(f"line {rejected.line}: {rejected.reason}")
    if report.rejected_count > MOST_NOTES:
        print_note(f"… and {report.rejected_count - MOST_NOTES:,} more lines.")
    if report.rejected_count and not report.added + report.unchanged:
        print_note("Not one line could be used; the file should hold one JSON object a line.")
    if options.json:
        print_json({"added": report.added, "unchanged": report.unchanged, "rejected": report.rejected_count})
    else:
        print_line(f"{report.added} added, {report.unchanged} unchanged, {report.rejected_count} rejected")
    if report.rejected_count:
        context.exit(DataError.exit_code)


@profiles.command("export", epilog=ENTITY_HELP)
@click.argument("entity", required=False)
@shared_options
@click.pass_obj
def export(options: Options, entity: str | None) -> None:
    """Write all attributes, or those of ENTITY, to stdout as JSON lines."""
    wanted = None if entity is None else parse_entity(entity)

    async def work(session: Session) -> None:
        from scheduler_core.db.profile_file import export_lines

        if wanted is not None and await session.profiles.profile(wanted) is None:
            raise _unknown(wanted)
        # Closed before the database is, also when the reader of our stdout leaves early.
        async with aclosing(export_lines(session.profiles, wanted)) as lines:
            async for line in lines:
                sys.stdout.buffer.write(line.encode("utf-8"))
        sys.stdout.buffer.flush()

    in_session(options, work)


@profiles.command("show", epilog=ENTITY_HELP)
@click.argument("entity")
@shared_options
@click.pass_obj
def show(options: Options, entity: str) -> None:
    """ENTITY's summary and the attributes it rests on."""
    wanted = parse_entity(entity)

    async def work(session: Session) -> None:
        found = await session.profiles.snapshot(wanted)
        if found is None:
            raise _unknown(wanted)
        if options.json:
            print_json(_as_json(found.profile, found.attributes))
        else:
            _print(found.profile, found.attributes)

    in_session(options, work)


@profiles.command("versions", epilog=ENTITY_HELP)
@click.argument("entity")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@shared_options
@click.pass_obj
def versions(options: Options, entity: str, limit: int) -> None:
    """ENTITY's published summaries, newest first."""
    wanted = parse_entity(entity)

    async def work(session: Session) -> None:
        found = await session.profiles.versions(wanted, page=limit)
        if not found and await session.profiles.profile(wanted) is None:
            raise _unknown(wanted)
        if options.json:
            for version in found:
                print_json(version)
            return
        from bawt_console.formatting import full_time

        print_table(
            ("VERSION", "PUBLISHED", "RUN", "SENTENCES", "SUMMARY"),
            [
                (
                    str(version.version),
                    full_time(version.created_at),
                    "–" if version.run_id is None else short_run_id(version.run_id),
                    str(len(version.sentences)),
                    version.summary[:60],
                )
                for version in found
            ],
        )

    in_session(options, work)


@profiles.command("diff", epilog=ENTITY_HELP)
@click.argument("entity")
@click.argument("first", metavar="[FROM", required=False, type=click.IntRange(1))
@click.argument("second", metavar="TO]", required=False, type=click.IntRange(1))
@shared_options
@click.pass_obj
def diff(options: Options, entity: str, first: int | None, second: int | None) -> None:
    """What changed between two versions of ENTITY's summary; without numbers, the two newest."""
    wanted = parse_entity(entity)
    if (first is None) != (second is None):
        raise click.UsageError("FROM and TO go together.")

    async def work(session: Session) -> None:
        from scheduler_core.db.profile_history import ProfileHistory
        from scheduler_core.db.run_changes import sentences_json

        history = ProfileHistory(session.database)
        if first is not None and second is not None:
            before = (await history.version(wanted, first)).version
            after = (await history.version(wanted, second)).version
        else:
            newest = await session.profiles.versions(wanted, page=2)
            if len(newest) < 2:
                raise NotFoundError(
                    f"There are no two versions of {wanted}.",
                    f"List them with: bawt-console profiles versions {wanted}",
                )
            after, before = newest
        change = Change(
            object=str(wanted),
            before=sentences_json(before),
            after=sentences_json(after),
            why=f"version {before.version} → {after.version}",
        )
        print_changes([change], as_json=options.json)

    in_session(options, work)


@profiles.command("rollback", epilog=ENTITY_HELP)
@click.argument("entity")
@click.argument("version", type=click.IntRange(1))
@click.option("--newest", type=click.IntRange(1), metavar="N", help="Only if N is still the latest version.")
@shared_options
@click.pass_obj
def rollback(options: Options, entity: str, version: int, newest: int | None) -> None:
    """Make an earlier VERSION of ENTITY's summary live again, as a new one.

    Refused if it rests on attributes that were deleted or changed. Maintenance leaves it until an
    attribute changes.
    """
    wanted = parse_entity(entity)

    async def work(session: Session) -> None:
        from scheduler_core.db.profile_history import ProfileHistory
        from scheduler_core.installation import local_actor

        run_id, made = await ProfileHistory(session.database).rollback(
            wanted, version, actor=local_actor("command"), newest=newest
        )
        if options.json:
            print_json({"run_id": run_id, "version": made})
        else:
            print_line(f"version {made.version} of {wanted} equals version {version} (run {run_id})")

    in_session(options, work)


@profiles.command("pin", epilog=ENTITY_HELP)
@click.argument("entity")
@click.argument("attribute_id", type=int)
@shared_options
@click.pass_obj
def pin(options: Options, entity: str, attribute_id: int) -> None:
    """Keep an attribute of ENTITY in every summary, by its number as `profiles show` prints it."""
    _set_pin(options, entity, attribute_id, pinned=True)


@profiles.command("unpin", epilog=ENTITY_HELP)
@click.argument("entity")
@click.argument("attribute_id", type=int)
@shared_options
@click.pass_obj
def unpin(options: Options, entity: str, attribute_id: int) -> None:
    """Let maintenance judge the attribute again."""
    _set_pin(options, entity, attribute_id, pinned=False)


def _set_pin(options: Options, entity: str, attribute_id: int, *, pinned: bool) -> None:
    wanted = parse_entity(entity)

    async def work(session: Session) -> None:
        from scheduler_core.db.profile_history import ProfileHistory
        from scheduler_core.installation import local_actor

        await ProfileHistory(session.database).pin(
            wanted, attribute_id, pinned=pinned, actor=local_actor("command")
        )
        if options.json:
            print_json({"entity": str(wanted), "attribute_id": attribute_id, "pinned": pinned})
        else:
            print_line(f"{'pinned' if pinned else 'unpinned'} [{attribute_id}] of {wanted}")

    in_session(options, work)


def parse_entity(text: str) -> Entity:
    """
    Raises:
        ConfigError: it is not `user/NAME` or `bot/NAME`.
    """
    kind, separator, name = text.partition("/")
    name = name.strip().lower()
    if not separator or not name or kind not in [str(known) for known in EntityType]:
        raise ConfigError(f"{text!r} is not an entity.", "Write user/NAME or bot/NAME.")
    return Entity(EntityType(kind), name)


def _unknown(entity: Entity) -> NotFoundError:
    return NotFoundError(
        f"Nothing is known of {entity}.", "Import attributes with: bawt-console profiles import FILE"
    )


def _as_json(profile: "Profile", attributes: "tuple[Attribute, ...]") -> dict[str, object]:
    return {
        "entity_type": str(profile.entity.type),
        "entity_id": profile.entity.id,
        "display_name": profile.display_name,
        "summary": profile.summary,
        "summary_updated_at": plain(profile.summary_updated_at),
        "attributes": plain(attributes),
    }


def _print(profile: "Profile", attributes: "tuple[Attribute, ...]") -> None:
    from bawt_console.formatting import full_time

    print_line(f"{profile.entity}  {profile.display_name or ''}".rstrip())
    if profile.summary is None:
        print_line("No summary yet; it is made by the job profile_maintenance.")
    else:
        print_line(f"summary of {full_time(profile.summary_updated_at)}:\n\n{profile.summary}\n")
    for attribute in attributes:
        print_line(attribute_line(attribute))


def attribute_line(attribute: "Attribute") -> str:
    """An attribute with its number and where it comes from."""
    value = attribute.value
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    message = f", message {attribute.source_message_id}" if attribute.source_message_id else ""
    return (
        f"[{attribute.id}] {attribute.category}.{attribute.key} = {value}"
        f"  ({attribute.source}, {attribute.confidence:.2f}, {attribute.updated_at:%Y-%m-%d}{message}"
        f"{', pinned' if attribute.pinned else ''})"
    )
