"""Finding candidates: exact, bounded, and without regard to the order of the rows."""

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from scheduler_core.maintenance import neighbours
from scheduler_core.maintenance.linkage import complete_linkage
from scheduler_core.maintenance.neighbours import Closeness, CloseSoFar, close_pairs
from scheduler_core.maintenance.wording import shared_wording


def unit(count: int, dimensions: int = 32, seed: int = 1) -> "neighbours.Vectors":
    vectors = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def plain(vectors: "neighbours.Vectors", changed: Sequence[int], floor: float) -> set[tuple[int, int]]:
    """The full matrix, as one would write it down."""
    cosine = vectors @ vectors.T
    return {
        (min(row, other), max(row, other))
        for row in changed
        for other in range(len(vectors))
        if other != row and cosine[row, other] >= floor
    }


@pytest.mark.parametrize("changed", [[0], [3, 250, 299], list(range(300))])
def test_blocks_find_what_the_full_matrix_finds(changed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_ROWS", 16)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 16 * 4 * 40)
    vectors = unit(300, dimensions=8)
    found = close_pairs(vectors, np.array(changed), floor=0.6, most=300)
    assert {(pair.left, pair.right) for pair in found} == plain(vectors, changed, 0.6)
    assert [pair.score for pair in found] == sorted((pair.score for pair in found), reverse=True)
    assert len(found) > 1


def test_pieces_find_what_blocks_find_and_hold_no_more_the_more_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "_ROWS", 16)
    vectors = unit(3_000, dimensions=8)
    changed = np.array([0, *range(500, 540), 2_999])
    near = CloseSoFar(vectors[changed], changed, floor=0.7, most=5)
    for start in range(0, len(vectors), 100):
        near.add(vectors[start : start + 100], np.arange(start, min(start + 100, len(vectors))))
        assert len(near) <= 5 * len(changed)
    found = {(pair.left, pair.right): pair.score for pair in near.pairs()}
    exact = close_pairs(vectors, changed, floor=0.7, most=5)
    assert found == pytest.approx({(pair.left, pair.right): pair.score for pair in exact}, abs=1e-6)
    assert len(found) > len(changed)


def test_a_crowded_row_keeps_its_best_neighbours() -> None:
    vectors = np.repeat(unit(1), 500, axis=0)
    found = close_pairs(vectors, np.array([7]), floor=0.9, most=8)
    assert len(found) == 8
    everything = close_pairs(vectors, np.arange(500), floor=0.9, most=8)
    assert len(everything) <= 8 * 500


def test_nothing_changed_costs_nothing_and_zero_vectors_have_no_neighbours() -> None:
    assert close_pairs(unit(10), np.array([], dtype=np.int64), floor=0.0, most=8) == []
    assert close_pairs(np.zeros((5, 8), np.float32), np.arange(5), floor=0.1, most=8) == []


def test_memory_stays_far_below_the_full_matrix() -> None:
    vectors = unit(12_000, dimensions=16)
    tracemalloc.start()
    close_pairs(vectors, np.arange(len(vectors)), floor=0.99, most=8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 2**20 < 12_000**2 * 4


def test_shared_rare_words_bring_texts_together_and_common_ones_do_not() -> None:
    texts = [f"user enjoys thing{number} greatly" for number in range(200)]
    texts += ["user collects vintage stamps", "the user has collections of vintage stamp albums"]
    found = shared_wording(texts, np.array([200]), floor=0.3, most=4)
    assert [(pair.left, pair.right) for pair in found] == [(200, 201)]


def test_a_small_change_finds_what_a_whole_pass_finds() -> None:
    generator = np.random.default_rng(3)
    texts = [" ".join(f"w{word}" for word in generator.integers(0, 400, 8)) for _ in range(300)]
    texts += [text + " more" for text in texts[:20]]
    whole = shared_wording(texts, np.arange(len(texts)), floor=0.6, most=8)
    part = shared_wording(texts, np.arange(300, 320), floor=0.6, most=8)
    assert {(pair.left, pair.right) for pair in part} == {(row, 300 + row) for row in range(20)}
    assert set(part) <= set(whole)


def test_equal_texts_are_found_among_hundreds_of_their_kind() -> None:
    texts = ["always the same words here"] * 500
    found = shared_wording(texts, np.array([499]), floor=0.9, most=8)
    assert len(found) == 8
    assert all(pair.score == pytest.approx(1.0) for pair in found)


@pytest.mark.parametrize("texts", [["", ""], ["…", "!"], ["a\nb", "a b"], ["用户喜欢喝茶", "用户不喜欢喝茶"]])
def test_odd_texts_are_scored_too(texts: list[str]) -> None:
    found = shared_wording(texts, np.array([0, 1]), floor=0.0, most=4)
    assert all(0 <= pair.score <= 1 for pair in found)


def links(*pairs: tuple[int, int, float]) -> list[Closeness]:
    return [Closeness(*pair) for pair in pairs]


def test_a_chain_is_no_cluster() -> None:
    assert complete_linkage(links((0, 1, 0.9), (1, 2, 0.8)), largest=8) == [(0, 1)]
    assert complete_linkage(links((0, 1, 0.9), (1, 2, 0.8), (0, 2, 0.7)), largest=8) == [(0, 1, 2)]


def test_two_clusters_join_only_over_all_their_links() -> None:
    inner = links((0, 1, 0.99), (2, 3, 0.98))
    across = links((0, 2, 0.9), (0, 3, 0.9), (1, 2, 0.9))
    assert complete_linkage(inner + across, largest=8) == [(0, 1), (2, 3)]
    assert complete_linkage(inner + across + links((1, 3, 0.8)), largest=8) == [(0, 1, 2, 3)]


def test_clusters_stay_small_and_do_not_depend_on_the_order_of_links() -> None:
    everything = [Closeness(left, right, 0.9) for left in range(6) for right in range(left + 1, 6)]
    small = complete_linkage(everything, largest=4)
    assert max(map(len, small)) <= 4
    assert complete_linkage(everything[::-1], largest=4) == small
