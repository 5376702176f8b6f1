"""Which vectors lie close to which: exact cosine in blocks, never the whole matrix at once.

Needs numpy, which is imported on the first call. Beyond what fits into memory the database finds the
neighbours, and their similarities are computed here again, exactly.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]
    Positions = NDArray[numpy.int64]

# One block of similarities; two of them are alive at a time.
_BLOCK_BYTES = 32 * 2**20
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
    hits = np.empty(len(at), dtype=[("row", np.int64), ("column", np.int64), ("score", np.float32)])
    hits["row"], hits["column"], hits["score"] = rows[at], beside + start, scores[at, beside]
    return hits


def _best(hits: Any, most: int) -> Any:
    """The best of each row over all blocks."""
    import numpy as np

    hits = hits[np.lexsort((hits["column"], -hits["score"], hits["row"]))]
    _, begins, counts = np.unique(hits["row"], return_index=True, return_counts=True)
    rank = np.arange(len(hits)) - np.repeat(begins, counts)
    return hits[rank < most]
