"""The memories of one bot while they are compared: which pairs are linked, open, apart, and known already.

It reads and writes nothing.
"""

from collections import Counter
from collections.abc import Sequence

from scheduler_core.db.memory_judgements import Judgement, Verdict, text_hash
from scheduler_core.maintenance.candidates import Comparison, Statements
from scheduler_core.maintenance.consolidation_groups import Link
from scheduler_core.maintenance.likeness import Band, likeness

_Pair = tuple[int, int]


class Look:
    """All memories of a bot while they are compared, by position.

    Args:
        at_once: as in `Comparison.by_wording`.
    """

    def __init__(self, ids: Sequence[str], texts: Sequence[str], *, at_once: int) -> None:
        self.ids = ids
        self.texts = texts
        self.place_of = {id_: place for place, id_ in enumerate(ids)}
        self.same_form: dict[int, tuple[int, ...]] = {}
        self.links: dict[_Pair, Link] = {}
        self.open: dict[_Pair, float] = {}
        self.apart: set[_Pair] = set()
        self.vetoed: Counter[str] = Counter()
        self.compared = 0
        self._statements = Statements(texts)
        self._at_once = at_once

    def worded(self, changed: set[int]) -> Comparison:
        """Candidates by wording; those by vectors can be added."""
        comparison = Comparison(self.texts, self._statements, changed)
        comparison.by_wording(at_once=self._at_once)
        return comparison

    def sort(self, comparison: Comparison) -> None:
        """Puts each candidate into its band."""
        statements = self._statements
        found = comparison.candidates()
        self.same_form = found.same_form
        self.compared = len(found.pairs)
        for (left, right), (cosine, wording) in found.pairs.items():
            alike = likeness(statements[left], statements[right], cosine=cosine, wording=wording)
            if alike.band is Band.SAME:
                self.links[left, right] = Link(alike.score, alike.reason)
            elif alike.band is Band.ASK:
                self.open[left, right] = alike.score
            else:
                self.vetoed[alike.reason] += 1

    def reopen(self, waiting: Sequence[Judgement]) -> None:
        """Pairs of earlier runs that nobody decided."""
        for one in waiting:
            pair = self._pair(one)
            if pair is not None and pair not in self.links:
                self.open.setdefault(pair, 0.0)

    def concerned(self) -> list[str]:
        """Ids of which earlier decisions matter."""
        places = {place for pair in (*self.links, *self.open) for place in pair}
        places.update(place for members in self.same_form.values() for place in members)
        return [self.ids[place] for place in sorted(places)]

    def apply(self, known: Sequence[Judgement], *, judge: str) -> None:
        """Decisions of earlier runs about these very texts."""
        for one in known:
            pair = self._pair(one)
            if pair is None:
                continue
            if one.verdict is Verdict.DIFFERENT:
                self.apart.add(pair)
                self.links.pop(pair, None)
                self.open.pop(pair, None)
            elif one.verdict is Verdict.SAME:
                self.links.setdefault(pair, Link(self.open.pop(pair, 0.5), "judged"))
            elif one.judge == judge:
                # It could not tell, and would not now.
                self.open.pop(pair, None)

    def side(self, place: int) -> tuple[str, bytes]:
        return self.ids[place], text_hash(self.texts[place])

    def _pair(self, one: Judgement) -> _Pair | None:
        """Positions of a pair whose texts are still the ones that were judged."""
        left, right = self.place_of.get(one.left_id), self.place_of.get(one.right_id)
        if left is None or right is None:
            return None
        if self.side(left)[1] != one.left_hash or self.side(right)[1] != one.right_hash:
            return None
        return min(left, right), max(left, right)
