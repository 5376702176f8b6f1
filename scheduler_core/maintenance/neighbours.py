"""Which vectors lie close to which: exact cosine in blocks, never the whole matrix at once.

Needs numpy, which is imported on the first call. What does not fit into memory is looked through piece by
piece, or the database finds the neighbours, and their similarities are computed here again, exactly.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]
    Positions = NDArray[numpy.int64]

# One block of similarities; two of them are alive at a time.
_BLOCK_BYTES = 16 * 2**20
_ROWS = 1024


class Closeness(NamedTuple):
    """A pair of positions, the lower one first, and how alike the two are: 1 is the same direction."""

    left: int
    right: int
    score: float


def close_pairs(vectors: "Vectors", changed: "Positions", *, floor: float, most: int) -> list[Closeness]:
    """Pairs of a changed row and any other whose cosine is at least `floor`, best first.

    Args:
        vectors: one row of length 1 each; rows of zeros have no neighbours.
        changed: positions of rows, ascending and without repetition.
        most: neighbours of one row that are told at most; with all rows changed only those behind it count,
            so that every pair is computed once.
    """
    import numpy as np

    if not len(changed) or len(vectors) < 2:
        return []
    whole = len(changed) == len(vectors)
    width = max(1, _BLOCK_BYTES // 4 // _ROWS)
    found: list[Any] = []
    for first in range(0, len(changed), _ROWS):
        rows = changed[first : first + _ROWS]
        hits = [
            _hits(vectors, rows, start, min(start + width, len(vectors)), floor, most, whole)
            for start in range(first if whole else 0, len(vectors), width)
        ]
        found.append(_best(np.concatenate(hits), most))
    pairs = np.concatenate(found)
    low, high = np.minimum(pairs["row"], pairs["column"]), np.maximum(pairs["row"], pairs["column"])
    order = np.lexsort((high, low, -pairs["score"]))
    _, kept = np.unique(low[order] * len(vectors) + high[order], return_index=True)
    order = order[np.sort(kept)]
    return [
        Closeness(*pair)
        for pair in zip(
            low[order].tolist(), high[order].tolist(), pairs["score"][order].tolist(), strict=True
        )
    ]


class CloseSoFar:
    """Close pairs of a few rows and ever more others, piece by piece; the memory it takes does not grow.

    Args:
        rows: of length 1 each; zeros have no neighbours.
        positions: where they stand among all.
        floor, most: as in `close_pairs`.
    """

    def __init__(self, rows: "Vectors", positions: "Positions", *, floor: float, most: int) -> None:
        self._rows = rows
        self._positions = positions
        self._floor = floor
        self._most = most
        self._hits: Any = None

    def add(self, others: "Vectors", positions: "Positions") -> None:
        """Others with their positions; each row of all is to come once."""
        import numpy as np

        parts = [] if self._hits is None else [self._hits]
        for first in range(0, len(self._rows), _ROWS):
            scores = self._rows[first : first + _ROWS] @ others.T
            near = scores >= self._floor
            near &= self._positions[first : first + _ROWS, None] != positions[None, :]
            at, beside = np.nonzero(near)
            parts.append(_hits_of(self._positions[first + at], positions[beside], scores[at, beside]))
        if parts:
            self._hits = _best(np.concatenate(parts), self._most)

    def __len__(self) -> int:
        """Pairs that are held now."""
        return 0 if self._hits is None else len(self._hits)

    def pairs(self) -> list[Closeness]:
        """Each once, best first."""
        if self._hits is None:
            return []
        found: dict[tuple[int, int], float] = {}
        for row, column, score in self._hits.tolist():
            found[min(row, column), max(row, column)] = score
        return sorted(
            (Closeness(*pair, score) for pair, score in found.items()), key=lambda one: (-one.score, one)
        )


def _hits_of(rows: Any, columns: Any, scores: Any) -> Any:
    import numpy as np

    hits = np.empty(len(rows), dtype=[("row", np.int64), ("column", np.int64), ("score", np.float32)])
    hits["row"], hits["column"], hits["score"] = rows, columns, scores
    return hits


def _hits(
    vectors: "Vectors", rows: "Positions", start: int, stop: int, floor: float, most: int, whole: bool
) -> Any:
    """Pairs of one block as a structured array, at most `most` a row."""
    import numpy as np

    scores = vectors[rows] @ vectors[start:stop].T
    near = scores >= floor
    # A row is no neighbour of itself, and in a whole pass the other half tells the rest.
    if whole:
        if start <= int(rows[-1]):
            near &= np.arange(start, stop)[None, :] > rows[:, None]
    else:
        inside = np.flatnonzero((rows >= start) & (rows < stop))
        near[inside, rows[inside] - start] = False
    crowded = np.flatnonzero(near.sum(axis=1) > most)
    for row in crowded.tolist():
        columns = np.flatnonzero(near[row])
        # Ties go to the lower position, so that the result is one and the same.
        best = columns[np.lexsort((columns, -scores[row, columns]))[:most]]
        near[row] = False
        near[row, best] = True
    at, beside = np.nonzero(near)
    return _hits_of(rows[at], beside + start, scores[at, beside])


def _best(hits: Any, most: int) -> Any:
    """The best of each row over all blocks."""
    import numpy as np

    hits = hits[np.lexsort((hits["column"], -hits["score"], hits["row"]))]
    _, begins, counts = np.unique(hits["row"], return_index=True, return_counts=True)
    rank = np.arange(len(hits)) - np.repeat(begins, counts)
    return hits[rank < most]
