"""Which memories are worth comparing: those that changed, each with its nearest by vector and by wording.

Pure. Everything is by position in the texts it is given; a pair is told once, the lower position first.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler_core.maintenance.likeness import COSINE_ASK, WORDING_ASK
from scheduler_core.maintenance.neighbours import Closeness, close_pairs
from scheduler_core.maintenance.statements import Statement
from scheduler_core.maintenance.wording import shared_wording

if TYPE_CHECKING:
    from scheduler_core.maintenance.neighbours import Positions, Vectors

# Partners of one memory in each of the two ways.
MOST_PARTNERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """
    Attributes:
        same_form: for the first of several memories with one form, all of them.
        pairs: what else is alike, with the cosine and the score of the wording where there is one.
    """

    same_form: dict[int, tuple[int, ...]]
    pairs: dict[tuple[int, int], tuple[float | None, float | None]]


class Statements:
    """Readings of texts by position, each made once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._known: dict[int, Statement] = {}

    def __getitem__(self, position: int) -> Statement:
        found = self._known.get(position)
        if found is None:
            found = self._known[position] = Statement(text=self._texts[position])
        return found


class Comparison:
    """Compares the changed with all, in two ways that may be taken in any order or left out; what did not
    change is not compared with its like again.

    Attributes:
        hidden: positions for which another one stands, of the same form.
    """

    def __init__(self, texts: Sequence[str], statements: Statements, changed: Collection[int]) -> None:
        import numpy as np

        self._texts = texts
        self._statements = statements
        by_form: dict[str, list[int]] = {}
        for position in sorted(changed):
            by_form.setdefault(statements[position].form, []).append(position)
        self._first = {members[0]: members for members in by_form.values()}
        # One stands for all that have its form, or a text stored a thousand times would crowd out the rest.
        repeated = {position for members in by_form.values() for position in members[1:]}
        self._shown = np.array([place for place in range(len(texts)) if place not in repeated], np.int64)
        self._rows = np.searchsorted(self._shown, np.array(sorted(self._first), np.int64))
        self.hidden = frozenset(repeated)
        self._near: dict[tuple[int, int], float] = {}
        self._worded: dict[tuple[int, int], float] = {}

    @property
    def asking(self) -> "Positions":
        """Positions that partners are looked for, ascending."""
        return self._shown[self._rows]

    def by_wording(self, *, at_once: int) -> None:
        """
        Args:
            at_once: of more texts, so many at a time are looked through for partners of the changed ones.
        """
        import numpy as np

        asking = self.asking
        for start in range(0, len(self._shown), at_once):
            part = self._shown[start : start + at_once]
            places = part if len(part) == len(self._shown) else np.union1d(part, asking)
            whole = len(places) == len(self._texts)
            texts = self._texts if whole else [self._texts[place] for place in places.tolist()]
            rows = np.searchsorted(places, asking)
            for left, right, score in shared_wording(texts, rows, floor=WORDING_ASK, most=MOST_PARTNERS):
                pair = int(places[left]), int(places[right])
                # How rare a word is depends a little on the texts around.
                self._worded[pair] = max(score, self._worded.get(pair, 0.0))

    def by_vectors(self, vectors: "Vectors") -> None:
        """
        Args:
            vectors: one row a text, zeros where there is none.
        """
        near = vectors if len(self._shown) == len(vectors) else vectors[self._shown]
        for left, right, score in close_pairs(near, self._rows, floor=COSINE_ASK, most=MOST_PARTNERS):
            self._near[int(self._shown[left]), int(self._shown[right])] = score

    def by_pairs(self, pairs: Iterable[Closeness]) -> None:
        """What somebody else found to be close, by position in all texts."""
        for left, right, score in pairs:
            if left not in self.hidden and right not in self.hidden:
                self._near[left, right] = score

    def candidates(self) -> Candidates:
        """What was found so far."""
        first = {place: list(members) for place, members in self._first.items()}
        pairs: dict[tuple[int, int], tuple[float | None, float | None]] = {}
        for left, right in sorted(self._near.keys() | self._worded.keys()):
            if self._statements[left].form == self._statements[right].form:
                anchor, other = (left, right) if left in first else (right, left)
                first[anchor].append(other)
            else:
                pairs[left, right] = (self._near.get((left, right)), self._worded.get((left, right)))
        same_form = {place: tuple(sorted(found)) for place, found in first.items() if len(found) > 1}
        return Candidates(same_form=same_form, pairs=pairs)


def find_candidates(
    texts: Sequence[str], statements: Statements, changed: Collection[int], vectors: "Vectors | None"
) -> Candidates:
    """Both ways, or the wording alone where there are no vectors."""
    comparison = Comparison(texts, statements, changed)
    comparison.by_wording(at_once=max(1, len(texts)))
    if vectors is not None:
        comparison.by_vectors(vectors)
    return comparison.candidates()
