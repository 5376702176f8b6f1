"""From pairs to groups: which memories become one, who stays, and how much one run may do.

Pure. A group needs every pair in it to be the same; the memory that stays is one of the group, word for word.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scheduler_core.db.memory_judgements import MemoryText
from scheduler_core.maintenance.likeness import contains
from scheduler_core.maintenance.linkage import complete_linkage
from scheduler_core.maintenance.neighbours import Closeness
from scheduler_core.maintenance.statements import Statement

# Wordings in one group; equal texts count once.
LARGEST_GROUP = 8
# One run takes this many memories away at most; the rest waits for the next.
CAP_ROWS = 5_000
# More than this share merged on meaning, not on equal text, is more likely a broken model than the truth.
BREAKER_SHARE = 0.2
BREAKER_ROWS = 20
SUSPICIOUS_SHARE = 0.1
EQUAL = "equal text"


@dataclass(frozen=True, slots=True)
class Link:
    """Two memories that may be one: how alike, and which rule or judge says so."""

    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Memories that become one.

    Attributes:
        reason: the weakest of what holds it together.
        score: of its weakest link.
    """

    survivor: MemoryText
    members: tuple[MemoryText, ...]
    reason: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """
    Attributes:
        waiting: groups beyond the cap.
        refused: why nothing is to be merged at all; None if nothing speaks against it.
    """

    groups: tuple[Group, ...]
    waiting: tuple[Group, ...] = ()
    refused: str | None = None
    suspicious: tuple[str, ...] = field(default_factory=tuple)


def clusters(
    same_form: Mapping[int, Sequence[int]],
    links: Mapping[tuple[int, int], Link],
    apart: Collection[tuple[int, int]],
) -> list[tuple[tuple[int, ...], str, float]]:
    """Positions that belong together, with the weakest reason and score.

    Args:
        apart: pairs that somebody said differ; whoever is in one is with nobody of that pair.
    """
    parted = set(apart)
    member_of: dict[int, int] = {}
    nodes: dict[int, tuple[int, ...]] = {}
    for positions in same_form.values():
        free = [
            one
            for one in positions
            if not any((min(one, other), max(one, other)) in parted for other in positions)
        ]
        if free:
            nodes[free[0]] = tuple(free)
            member_of.update(dict.fromkeys(free, free[0]))
    between: dict[tuple[int, int], Link] = {}
    for (left, right), link in links.items():
        here, there = member_of.get(left, left), member_of.get(right, right)
        pair = (min(here, there), max(here, there))
        crossed = any(
            (min(one, other), max(one, other)) in parted
            for one in nodes.get(here, (here,))
            for other in nodes.get(there, (there,))
        )
        if here != there and not crossed and (pair not in between or between[pair].score > link.score):
            between[pair] = link
    found = complete_linkage(
        (Closeness(left, right, link.score) for (left, right), link in between.items()), largest=LARGEST_GROUP
    )
    joined = {node for cluster in found for node in cluster}
    result = []
    for cluster in found:
        inner = [link for pair, link in between.items() if pair[0] in cluster and pair[1] in cluster]
        weakest = min(inner, key=lambda link: (link.score, link.reason))
        positions = sorted(place for node in cluster for place in nodes.get(node, (node,)))
        result.append((tuple(positions), weakest.reason, weakest.score))
    result += [
        (places, EQUAL, 1.0) for node, places in nodes.items() if node not in joined and len(places) > 1
    ]
    return sorted(result)


def group_of(rows: Sequence[MemoryText], reason: str, score: float) -> Group | None:
    """Who of the rows stays; None if no one can take the others' place.

    What is pinned stays, and two pinned ones are not merged. What another one says in full gives way to it.
    Of the rest what a person said goes first, then the oldest.
    """
    if len({row.id for row in rows}) < 2 or sum(row.pinned for row in rows) > 1:
        return None
    statements = {row.id: Statement(text=row.content) for row in rows}
    whole = [
        row
        for row in rows
        if not any(contains(statements[other.id], statements[row.id]) for other in rows if other.id != row.id)
    ]
    if not whole or any(row.pinned and row not in whole for row in rows):
        return None
    survivor = min(whole, key=lambda row: (not row.pinned, row.source != "explicit", row.created_at, row.id))
    members = tuple(sorted((row for row in rows if row.id != survivor.id), key=lambda row: row.id))
    return Group(survivor=survivor, members=members, reason=reason, score=score)


def choose(groups: Iterable[Group], *, memories: int) -> Chosen:
    """What one run may do: the surest first, up to the cap, and nothing when meaning alone takes too many."""
    ordered = sorted(groups, key=lambda group: (group.reason != EQUAL, -group.score, group.survivor.id))
    meant = sum(len(group.members) for group in ordered if group.reason != EQUAL)
    if meant > max(BREAKER_ROWS, BREAKER_SHARE * memories):
        return Chosen(
            groups=(),
            refused=f"{meant:,} of {memories:,} memories would be merged for their meaning, more than "
            f"{BREAKER_SHARE:.0%}.",
        )
    taken: list[Group] = []
    waiting: list[Group] = []
    gone = 0
    for group in ordered:
        if len(group.members) > CAP_ROWS:
            waiting.append(group)
            group = replace(group, members=group.members[:CAP_ROWS])
        if gone + len(group.members) > CAP_ROWS and taken:
            waiting.append(group)
            continue
        gone += len(group.members)
        taken.append(group)
    suspicious: list[str] = []
    if meant > max(BREAKER_ROWS, SUSPICIOUS_SHARE * memories):
        suspicious.append(f"{meant:,} of {memories:,} memories were merged for their meaning")
    return Chosen(groups=tuple(taken), waiting=tuple(waiting), suspicious=tuple(suspicious))
