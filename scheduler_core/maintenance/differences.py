"""The vetoes: reasons in code why two statements may not become one, whatever a vector or a model says.

A veto is cheap and never wrong in the dangerous direction: where it errs, two memories stay that could have
been one. What it cannot see (an unknown word in the place of another) is left to the bands of `likeness`.
"""

from collections.abc import Callable, Sequence

from scheduler_core.maintenance.contrasts import contrast
from scheduler_core.maintenance.statements import Statement

_LONGEST_ENDING = 3


def difference(ours: Statement, theirs: Statement) -> str | None:
    """Why the two are not the same, in one word of a fixed list; None if nothing speaks against it.

    Symmetric in its arguments.
    """
    if ours.form == theirs.form:
        return None
    for reason, part in _PARTS:
        if part(ours) != part(theirs):
            return reason
    here, there = set(ours.roots), set(theirs.roots)
    if _was(ours, theirs) or _was(theirs, ours):
        return "tense"
    kind = contrast(here - there, there - here)
    if kind is not None:
        return f"another {kind}"
    return _order(ours, theirs)


_PARTS: Sequence[tuple[str, Callable[[Statement], object]]] = (
    ("numbers", lambda statement: statement.numbers),
    ("dates", lambda statement: statement.dates),
    ("units", lambda statement: statement.units),
    ("symbols", lambda statement: statement.symbols),
    ("negation", lambda statement: statement.denials),
    ("names", lambda statement: statement.names),
    ("people", lambda statement: statement.people),
    # "The user" and nobody at all are the same subject; a pronoun is not.
    ("subject", lambda statement: statement.pronouns),
    ("subject", lambda statement: statement.own_places),
    ("doubt", lambda statement: statement.doubts),
    ("degree", lambda statement: statement.degrees),
)


def _was(ours: Statement, theirs: Statement) -> bool:
    """Whether one says of the past what the other says of now: "lived", "lives"."""
    return any(
        word.startswith(base) and len(word) - len(base) <= _LONGEST_ENDING and not word.endswith("ed")
        for base in ours.past
        for word in theirs.words
    )


def _order(ours: Statement, theirs: Statement) -> str | None:
    if ours.language and theirs.language and ours.language != theirs.language:
        return "language"
    shared = set(ours.roots) & set(theirs.roots)
    for word, root in ours.bindings ^ theirs.bindings:
        # "from Rome to Oslo" is not "to Rome from Oslo"; a preposition more says something more.
        if root in shared and any(
            other != word for other, same in ours.bindings | theirs.bindings if same == root
        ):
            return "direction"
    if (ours.is_directed or theirs.is_directed) and _sequence(ours, shared) != _sequence(theirs, shared):
        return "order"
    return None


def _sequence(statement: Statement, shared: set[str]) -> Sequence[str]:
    return [root for root in statement.roots if root in shared]
