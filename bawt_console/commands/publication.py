"""`bawt-console adopt --publish` and `--unpublish`: summaries for an llm-bawt service, and the way back.

They are named by whose they are and how long, and never printed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bawt_console.commands.session import Options
from bawt_console.formatting import counted
from bawt_console.output import print_json, print_line

if TYPE_CHECKING:
    from scheduler_core.db.connect import Address
    from scheduler_core.db.llm_bawt.publication import Change, Publication, TakenBack
    from scheduler_core.domain import Entity


async def publish_summaries(options: Options, address: "Address", dry_run: bool) -> None:
    """Gives the service the summaries of the copies, or says which."""
    from scheduler_core.db.llm_bawt.publication import plan_publication, publish
    from scheduler_core.installation import local_actor

    if dry_run:
        done = await plan_publication(address)
    else:
        done = await publish(address, actor=local_actor("command"))
    if options.json:
        print_json(_published(done) | {"done": not dry_run})
        return
    verb = "Would give" if dry_run else "Gave"
    print_line(f"{verb} {_summaries(len(done.given))} to the service in {address.label}{_end(done.given)}")
    for change in done.given:
        behind = "; it has learned more since the copies were made" if change.is_behind else ""
        print_line(
            f"  {change.entity}: {_characters(change.after)} in place of {_characters(change.before)}{behind}"
        )
    if done.same:
        print_line(f"  {counted(done.same, 'more profile')} of the service {_have(done.same)} ours already")
    if done.unwritten:
        print_line(
            f"  {counted(done.unwritten, 'copied profile')} {_have(done.unwritten)} no summary of ours"
        )
    _print_entities("the service has no row of", done.missing)
    _print_entities("left, because the service wrote it meanwhile", done.moved)
    if dry_run or done.given:
        _print_end(dry_run, "--publish", "Put back what stood there with: bawt-console adopt --unpublish")


async def take_back_summaries(options: Options, address: "Address", dry_run: bool) -> None:
    """Puts back what stood in the service, or says what it would."""
    from scheduler_core.db.llm_bawt.publication import plan_taking_back, unpublish
    from scheduler_core.installation import local_actor

    if dry_run:
        done = await plan_taking_back(address)
    else:
        done = await unpublish(address, actor=local_actor("command"))
    if options.json:
        print_json(taken_back(done) | {"done": not dry_run})
        return
    print_taken_back(done, dry_run=dry_run)
    _print_end(dry_run, "--unpublish", "Nothing of the copies stands in the service's tables any more.")


def print_taken_back(done: "TakenBack", *, dry_run: bool) -> None:
    """What was put back and what was not, a line for each profile."""
    verb = "Would take" if dry_run else "Took"
    end = _end(done.put_back, " and put in their place:")
    print_line(f"{verb} {_summaries(len(done.put_back))} back from the service{end}")
    for change in done.put_back:
        print_line(f"  {change.entity}: {_characters(change.after)} in place of {_characters(change.before)}")
    _print_entities("left, because the service has written another summary since", done.left)
    _print_entities("the service has no row any more of", done.gone)


def taken_back(done: "TakenBack") -> dict[str, Any]:
    """The same for machines."""
    return {"put_back": _changes(done.put_back), "left": _names(done.left), "gone": _names(done.gone)}


def _published(done: "Publication") -> dict[str, Any]:
    return {
        "given": [
            record | {"behind": change.is_behind}
            for record, change in zip(_changes(done.given), done.given, strict=True)
        ],
        "same": done.same,
        "unwritten": done.unwritten,
        "missing": _names(done.missing),
        "moved": _names(done.moved),
    }


def _changes(changes: Sequence["Change"]) -> list[dict[str, Any]]:
    return [
        {"entity": str(change.entity), "before": change.before, "after": change.after} for change in changes
    ]


def _names(entities: Sequence["Entity"]) -> list[str]:
    return [str(entity) for entity in entities]


def _print_entities(what: str, entities: Sequence["Entity"]) -> None:
    if entities:
        print_line(f"  {what}: {', '.join(_names(entities))}")


def _print_end(dry_run: bool, option: str, done: str) -> None:
    print_line(f"Nothing was written. Do it with: bawt-console adopt {option}" if dry_run else done)


def _end(changes: Sequence["Change"], words: str = ":") -> str:
    return words if changes else "."


def _summaries(number: int) -> str:
    return counted(number, "summary", plural="summaries")


def _characters(number: int | None) -> str:
    return "none" if number is None else counted(number, "character")


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
