"""Which texts share their rarer words: candidates without any model, bounded whatever the texts are.

A word is its first five bytes without a plural's s; writing without spaces counts character by character.
Each text looks at its rarest words and pairs of neighbouring words, and at no more than a fixed number of
other texts behind each, so the cost is linear. The score is Dice's coefficient, words weighted by rarity.
Needs numpy, which is imported on the first call.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scheduler_core.maintenance.neighbours import Closeness

if TYPE_CHECKING:
    from scheduler_core.maintenance.neighbours import Positions

_KEPT_BYTES = 5
_FEATURES = 8
_BEHIND_ONE = 64
_AT_ONCE = 1_000_000
_PLURAL = ord("s")


def shared_wording(texts: Sequence[str], changed: "Positions", *, floor: float, most: int) -> list[Closeness]:
    """Pairs of a changed text and any other that score at least `floor`, best first.

    Args:
        changed: positions, ascending and without repetition.
        most: partners of one text that are told at most.
    """
    import numpy as np

    if not len(changed) or len(texts) < 2:
        return []
    document, word = _words(texts)
    if not len(word):
        return []
    # Only what a changed text has can bring a partner, which keeps a small change cheap.
    features = _Incidence(*_with_neighbours(document, word), of=changed, texts=len(texts))
    chosen = np.concatenate(
        [_promising(partners, len(texts), most) for partners in _partners(features, changed)]
    )
    words = _Incidence(document, word, of=chosen.ravel(), texts=len(texts))
    weights = np.log((len(texts) + 1) / np.maximum(words.frequency, 1))
    pairs = np.concatenate(
        [
            _scored(chosen[first : first + _AT_ONCE // 16], words, weights, floor, most)
            for first in range(0, max(1, len(chosen)), _AT_ONCE // 16)
        ]
    )
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -pairs[:, 2]))
    _, kept = np.unique(pairs[order, 0] * len(texts) + pairs[order, 1], return_index=True)
    return [
        Closeness(int(left), int(right), float(score)) for left, right, score in pairs[order[np.sort(kept)]]
    ]


def _words(texts: Sequence[str]) -> tuple[Any, Any]:
    """For each word of each text in order: the text's position, and the word as a number."""
    import numpy as np

    joined = "\n".join(text.replace("\n", " ") for text in texts).casefold()
    data = np.frombuffer(joined.encode("utf-8", "replace") + b"\n" * 8, dtype=np.uint8)
    inside = _letters()[data]
    # Punctuation beyond ASCII has leading bytes of its own.
    for lead, length in ((0xC2, 2), (0xE2, 3)):
        at = np.flatnonzero(data == lead)
        for offset in range(length):
            inside[at + offset] = False
    alone = (data >= 0xE3) & (data <= 0xED)
    before = np.concatenate(([False], inside[:-1]))
    starts = np.flatnonzero(inside & (~before | alone))
    ends = np.flatnonzero(~inside)
    until = np.minimum(ends[np.searchsorted(ends, starts)], np.append(starts[1:], len(data)))
    length = np.minimum(until - starts, _KEPT_BYTES)
    last = data[starts + length - 1]
    length -= (last == _PLURAL) & (length >= 4) & (until - starts <= _KEPT_BYTES)
    length[alone[starts]] = 3
    code = np.zeros(len(starts), dtype=np.int64)
    for offset in range(_KEPT_BYTES):
        code = code * 256 + np.where(offset < length, data[starts + offset], 0)
    breaks = np.flatnonzero(data == ord("\n"))
    return np.searchsorted(breaks, starts), code


def _letters() -> Any:
    """Which bytes belong to words."""
    import numpy as np

    table = np.zeros(256, dtype=bool)
    table[[*range(ord("0"), ord("9") + 1), *range(ord("a"), ord("z") + 1), *range(0x80, 0x100)]] = True
    return table


def _with_neighbours(document: Any, word: Any) -> tuple[Any, Any]:
    """The words, and each two that stand side by side as a further one."""
    import numpy as np

    beside = document[1:] == document[:-1]
    one, other = word[1:][beside], word[:-1][beside]
    # The order does not matter; two different couples share a number once in ages, and then only a candidate.
    both = -1 - np.abs((one * 1_000_003) ^ (other * 1_000_003) ^ (one + other))
    return np.concatenate((document, document[1:][beside])), np.concatenate((word, both))


class _Incidence:
    """Which text has which feature, each once, sorted by text; only features that the texts in `of` have."""

    def __init__(self, document: Any, feature: Any, *, of: Any, texts: int) -> None:
        import numpy as np

        wanted = np.zeros(texts, dtype=bool)
        wanted[of] = True
        known = _distinct(feature[wanted[document]])
        self.size = max(1, len(known))
        place = np.minimum(np.searchsorted(known, feature), self.size - 1)
        same = known[place] == feature if len(known) else np.zeros(len(feature), dtype=bool)
        # One number for both, so that membership is a search.
        self.keys = _distinct(document[same] * self.size + place[same])
        self.document, self.feature = self.keys // self.size, self.keys % self.size
        self.frequency = np.bincount(self.feature, minlength=self.size)
        self.begins = np.searchsorted(self.document, np.arange(texts + 1))


def _partners(features: _Incidence, changed: "Positions") -> Any:
    """Yields arrays of (changed text, other text), a million at a time at most."""
    import numpy as np

    by_feature = np.argsort(features.feature, kind="stable")
    posting = features.document[by_feature]
    begins = np.searchsorted(features.feature[by_feature], np.arange(features.size + 1))
    step = max(1, _AT_ONCE // (_FEATURES * _BEHIND_ONE))
    for first in range(0, len(changed), step):
        rows = changed[first : first + step]
        counts = features.begins[rows + 1] - features.begins[rows]
        entries = _ranges(features.begins[rows], counts)
        owner, feature = np.repeat(rows, counts), features.feature[entries]
        order = np.lexsort((feature, features.frequency[feature], owner))
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = order[(rank < _FEATURES) & (features.frequency[feature[order]] > 1)]
        owner, feature = owner[chosen], feature[chosen]
        behind = np.minimum(features.frequency[feature], _BEHIND_ONE)
        other = posting[_ranges(begins[feature], behind)]
        mine = np.repeat(owner, behind)
        apart = mine != other
        yield np.stack((mine[apart], other[apart]), axis=1)


def _promising(pairs: Any, texts: int, most: int) -> Any:
    """Of each text's partners those that share most of the rare features; only they are scored."""
    import numpy as np

    key, times = np.unique(pairs[:, 0] * texts + pairs[:, 1], return_counts=True)
    mine, other = key // texts, key % texts
    order = np.lexsort((other, -times, mine))
    _, begins, counts = np.unique(mine[order], return_index=True, return_counts=True)
    order = order[np.arange(len(order)) - np.repeat(begins, counts) < 2 * most]
    return np.stack((mine[order], other[order]), axis=1)


def _scored(pairs: Any, words: _Incidence, weights: Any, floor: float, most: int) -> Any:
    """Rows of (lower, higher, score) for the pairs that reach the floor."""
    import numpy as np

    texts = len(words.begins) - 1
    mine, other = pairs[:, 0], pairs[:, 1]
    counts = words.begins[mine + 1] - words.begins[mine]
    feature = words.feature[_ranges(words.begins[mine], counts)]
    wanted = np.repeat(other, counts) * words.size + feature
    place = np.minimum(np.searchsorted(words.keys, wanted), len(words.keys) - 1)
    shared = np.where(words.keys[place] == wanted, weights[feature], 0.0)
    pair = np.repeat(np.arange(len(mine)), counts)
    total = np.bincount(words.document, weights[words.feature], minlength=texts)
    whole = total[mine] + total[other]
    score = 2 * np.bincount(pair, shared, minlength=len(mine)) / np.where(whole > 0, whole, 1.0)
    near = np.flatnonzero(score >= floor)
    near = near[np.lexsort((other[near], -score[near], mine[near]))]
    _, begins, counts = np.unique(mine[near], return_index=True, return_counts=True)
    near = near[np.arange(len(near)) - np.repeat(begins, counts) < most]
    low, high = np.minimum(mine[near], other[near]), np.maximum(mine[near], other[near])
    return np.stack((low, high, np.minimum(score[near], 1.0)), axis=1)


def _distinct(numbers: Any) -> Any:
    """Ascending, each once. Sorting is several times faster here than numpy's hashing."""
    import numpy as np

    ordered = np.sort(numbers)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def _ranges(begins: Any, counts: Any) -> Any:
    """begins[0], begins[0] + 1, … counts[0] of them, then begins[1] and so on."""
    import numpy as np

    offset = np.repeat(begins - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
    return np.arange(int(counts.sum())) + offset
