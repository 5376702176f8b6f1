"""Small clusters by complete linkage: everything in one is linked to everything else in it.

A chain of likenesses (a like b, b like c) is no cluster, which is where chains of look-alikes would begin.
Pure; the result does not depend on the order of the links.
"""

from collections.abc import Iterable

from scheduler_core.maintenance.neighbours import Closeness


def complete_linkage(links: Iterable[Closeness], *, largest: int) -> list[tuple[int, ...]]:
    """Clusters of two and more positions, each ascending, by their lowest position.

    Two clusters join at the weakest of the links between their members, best links first.

    Args:
        links: every pair that may stand in one cluster, each once.
        largest: members of one cluster at most.
    """
    cluster_of: dict[int, int] = {}
    members: dict[int, tuple[int, ...]] = {}
    seen: dict[tuple[int, int], int] = {}
    for link in sorted(links, key=lambda link: (-link.score, link.left, link.right)):
        for position in (link.left, link.right):
            members.setdefault(cluster_of.setdefault(position, position), (position,))
        here, there = sorted((cluster_of[link.left], cluster_of[link.right]))
        if here == there:
            continue
        seen[here, there] = seen.get((here, there), 0) + 1
        possible = len(members[here]) * len(members[there])
        if seen[here, there] == possible and len(members[here]) + len(members[there]) <= largest:
            _join(here, there, cluster_of, members, seen)
    return sorted(tuple(sorted(found)) for found in members.values() if len(found) > 1)


def _join(
    here: int,
    there: int,
    cluster_of: dict[int, int],
    members: dict[int, tuple[int, ...]],
    seen: dict[tuple[int, int], int],
) -> None:
    gone = members.pop(there)
    members[here] += gone
    for position in gone:
        cluster_of[position] = here
    for pair in [pair for pair in seen if there in pair]:
        count = seen.pop(pair)
        other = pair[0] if pair[1] == there else pair[1]
        if other != here:
            key = (min(here, other), max(here, other))
            seen[key] = seen.get(key, 0) + count
