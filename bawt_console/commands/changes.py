"""How changes read on the command line: what goes and what comes, each with what it rests on."""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from bawt_console.output import print_json, print_line
from scheduler_core.domain import Change


def print_changes(changes: Sequence[Change], *, as_json: bool) -> None:
    """One block, or one object, for each thing that changed."""
    for change in changes:
        if as_json:
            print_json(change)
            continue
        print_line(f"{change.object}   {change.why}".rstrip())
        for line in difference(change.before, change.after):
            print_line(line)
    if not changes and not as_json:
        print_line("Nothing changed.")


def difference(before: object, after: object) -> Iterator[str]:
    """Lines with − and +; what stays is left out."""
    old, new = _lines(before), _lines(after)
    for kind, i, i_end, j, j_end in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"− {line}" for line in old[i:i_end])
            yield from (f"+ {line}" for line in new[j:j_end])


def _lines(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [_line(item) for item in value]
    return [_line(value)]


def _line(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and isinstance(item.get("text"), str):
        ids = item.get("attribute_ids")
        sources = "".join(f"[{id_}]" for id_ in ids) if isinstance(ids, list) else ""
        return f"{item['text']} {sources}".rstrip()
    return json.dumps(item, ensure_ascii=False, sort_keys=True)
