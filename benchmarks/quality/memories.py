"""How rightly memories are merged: labelled memories from a seed, and the pairs written by hand.

    python -m benchmarks.quality.memories [--people N] [--seed N] [--embedding PATH] [--json]

A memory's `meaning` says what it states; two may become one only if their meanings are equal. Judges are code
alone, a perfect model (it knows the labels) and one that says yes to every pair it is asked about; that shows
what the vetoes alone hold back: in the product such a model fails its control pairs and merges nothing.
Beside complete linkage: union-find and stars over the same pairs.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import options
from benchmarks.machine import machine
from benchmarks.quality.memory_pairs import hard_pairs
from benchmarks.report import Report, Table
from scheduler_core.llm.gpt4all_embedding import Gpt4AllEmbedding
from scheduler_core.llm.models import inspect
from scheduler_core.maintenance.candidates import Statements, find_candidates
from scheduler_core.maintenance.consolidation_groups import Link, clusters
from scheduler_core.maintenance.likeness import Band, likeness
from scheduler_core.maintenance.statements import Statement

Clusters = Sequence[Sequence[int]]
_THINGS = "stamps coins lamps postcards teapots spoons maps clocks radios posters marbles thimbles keys fans"
_CITIES = "Oslo Lisbon Graz Turin Malmö Porto Ghent Leeds Basel Bergen Bari Cork Nantes Ulm Lund Kiel"
_NAMES = "Ada Tom Kim Mila Noor Igor Lena Paul Rosa Emil Nora Omar Ines Hugo Vera Ivan"
_WORK = (
    "gardener librarian welder tailor surveyor cartographer beekeeper glazier cooper typist florist joiner"
)
_FOODS = "lentils figs radishes olives kale dates beets leeks capers plums turnips quince okra millet"

# One line is one fact in several wordings; {thing} and the like are drawn once for all of them.
_FACTS = (
    "User collects {thing}|The user collects {thing}.|User has a collection of {thing}|user collects  "
    "{THING}",
    "User lives in {city}|The user lives in {city}.|User resides in {city}|User's home is in {city}",
    "User works as a {work}|The user is employed as a {work}|User is a {work} by trade",
    "User has a friend called {name}|The user has a friend named {name}|User has a friend {name}",
    "User likes {food}|The user really likes {food}.|User is fond of {food}|user likes {food}",
    "User has {number} cousins|The user has {number} cousins.|User's cousins number {number}",
    "User is allergic to {food}|The user has an allergy to {food}|User is allergic to {food}!",
    "User repairs {thing} at weekends|The user mends {thing} at weekends|The user repairs {thing} at "
    "weekends",
    "User meets {name} every {day}|The user meets {name} each {day}|User sees {name} every {day}",
    "Der Nutzer sammelt {ding}|Nutzer sammelt {ding}.|Der Nutzer hat eine Sammlung: {ding}",
    "Der Nutzer wohnt in {city}|Nutzer lebt in {city}|Der Nutzer wohnt in {city}.",
)
# What looks like a fact and is another one.
_LOOK_ALIKES = (
    "User does not collect {thing}|User used to collect {thing}|User's sister collects {thing}|User sells "
    "{thing}",
    "User lived in {city}|User wants to live in {city}|User's brother lives in {city}|User works in {city}",
    "User worked as a {work}|User's boss is a {work}|User is not a {work}|User will be a {work}",
    "User has a cousin called {name}|User has no friend called {name}|User had a friend called {name}",
    "User dislikes {food}|User grows {food}|User likes {food} only in soup|User's wife likes {food}",
    "User had {number} cousins|User has {number} aunts|User has at least {number} cousins",
    "User is not allergic to {food}|User's son is allergic to {food}|User might be allergic to {food}",
    "User repairs {thing} on weekdays|User repairs no {thing} at weekends|User buys {thing} at weekends",
    "User meets {name} every second {day}|User never meets {name} on a {day}|User met {name} last {day}",
    "Der Nutzer sammelt keine {ding}|Der Nutzer verkauft {ding}|Der Nutzer sammelte früher {ding}",
    "Der Nutzer arbeitet in {city}|Der Nutzer wohnte früher in {city}|Der Nutzer wohnt nicht in {city}",
)


@dataclass(frozen=True, slots=True)
class LabelledMemory:
    text: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeScore:
    """Over pairs of memories.

    Attributes:
        merged: pairs that became one; `false` of them state different things.
        same: pairs that state the same.
    """

    merged: int
    false: int
    same: int

    @property
    def precision(self) -> float:
        return 1 - self.false / self.merged if self.merged else 1.0

    @property
    def recall(self) -> float:
        return (self.merged - self.false) / self.same if self.same else 1.0

    @property
    def false_share(self) -> float:
        return self.false / self.merged if self.merged else 0.0


def labelled_memories(people: int, *, seed: int) -> list[list[LabelledMemory]]:
    """The memories about each person, shuffled: facts in several wordings, and what only looks like them."""
    draw = random.Random(seed)
    return [_memories(draw) for _ in range(people)]


def _memories(draw: random.Random) -> list[LabelledMemory]:
    made: list[LabelledMemory] = []
    for facts, others in zip(_FACTS, _LOOK_ALIKES, strict=True):
        # The same fact about several things is the commonest look-alike.
        for _ in range(draw.randint(1, 3)):
            words = _drawn(draw)
            wordings = [wording.format(**words) for wording in facts.split("|")]
            meaning = wordings[0]
            made += [
                LabelledMemory(text, meaning)
                for text in draw.sample(wordings, draw.randint(1, len(wordings)))
            ]
            if draw.random() < 0.2:
                made.append(LabelledMemory(wordings[0], meaning))
            for other in draw.sample(others.split("|"), draw.randint(0, 2)):
                text = other.format(**words)
                made.append(LabelledMemory(text, text))
    draw.shuffle(made)
    return made


def _drawn(draw: random.Random) -> dict[str, str]:
    thing = draw.choice(_THINGS.split())
    return {
        "thing": thing,
        "THING": thing.upper(),
        "city": draw.choice(_CITIES.split()),
        "name": draw.choice(_NAMES.split()),
        "work": draw.choice(_WORK.split()),
        "food": draw.choice(_FOODS.split()),
        "number": str(draw.randint(2, 40)),
        "day": draw.choice(("Monday", "Tuesday", "Friday", "Sunday")),
        "ding": draw.choice(("Briefmarken", "Münzen", "Lampen", "Karten", "Uhren", "Knöpfe")),
    }


def alone(left: LabelledMemory, right: LabelledMemory) -> bool:
    """No model: nothing is asked."""
    return False


def perfect(left: LabelledMemory, right: LabelledMemory) -> bool:
    return left.meaning == right.meaning


def yes(left: LabelledMemory, right: LabelledMemory) -> bool:
    return True


JUDGES: Mapping[str, Callable[[LabelledMemory, LabelledMemory], bool]] = {
    "no model": alone,
    "perfect": perfect,
    "yes to all, unchecked": yes,
}


def merged(
    memories: Sequence[LabelledMemory],
    judge: Callable[[LabelledMemory, LabelledMemory], bool],
    vectors: Any = None,
) -> list[tuple[int, ...]]:
    """The groups that consolidation makes of these, by position."""
    texts = [memory.text for memory in memories]
    statements = Statements(texts)
    found = find_candidates(texts, statements, range(len(texts)), vectors)
    links: dict[tuple[int, int], Link] = {}
    for (left, right), (cosine, wording) in found.pairs.items():
        alike = likeness(statements[left], statements[right], cosine=cosine, wording=wording)
        if alike.band is Band.SAME or (alike.band is Band.ASK and judge(memories[left], memories[right])):
            links[left, right] = Link(alike.score, alike.reason)
    return [places for places, _, _ in clusters(found.same_form, links, ())]


def score(memories: Sequence[LabelledMemory], groups: Clusters) -> MergeScore:
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    sizes: dict[str, int] = {}
    for memory in memories:
        sizes[memory.meaning] = sizes.get(memory.meaning, 0) + 1
    return MergeScore(
        merged=len(pairs),
        false=sum(memories[one].meaning != memories[other].meaning for one, other in pairs),
        same=sum(size * (size - 1) // 2 for size in sizes.values()),
    )


def total(scores: Iterable[MergeScore]) -> MergeScore:
    known = list(scores)
    return MergeScore(
        merged=sum(one.merged for one in known),
        false=sum(one.false for one in known),
        same=sum(one.same for one in known),
    )


def stars(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The usual greedy way: whoever is like the middle joins it, best-connected middles first."""
    near: dict[int, set[int]] = {}
    for one, other in links:
        near.setdefault(one, set()).add(other)
        near.setdefault(other, set()).add(one)
    taken: set[int] = set()
    found = []
    for middle in sorted(near, key=lambda place: (-len(near[place]), place)):
        rest = near[middle] - taken
        if middle not in taken and rest:
            found.append([middle, *sorted(rest)])
            taken |= {middle, *rest}
    return found


def union_find(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Everything connected becomes one."""
    root: dict[int, int] = {}

    def of(place: int) -> int:
        while root.setdefault(place, place) != place:
            place = root[place]
        return place

    for one, other in links:
        root[of(one)] = of(other)
    found: dict[int, list[int]] = {}
    for place in sorted(root):
        found.setdefault(of(place), []).append(place)
    return [group for group in found.values() if len(group) > 1]


def by_cosine(vectors: Any, floor: float) -> dict[str, Clusters]:
    """Groups by similarity alone, as if there were no vetoes and no judge, in three ways."""
    cosine = vectors @ vectors.T
    near = {
        (one, other): Link(float(cosine[one, other]), "near")
        for one, other in combinations(range(len(vectors)), 2)
        if cosine[one, other] >= floor
    }
    complete = [places for places, _, _ in clusters({}, near, ())]
    return {"stars": stars(near), "union-find": union_find(near), "complete linkage": complete}


def by_hand(vectors_of: Callable[[Sequence[str]], Any] | None) -> dict[str, Any]:
    """What becomes of the pairs written by hand: merged by code, left to a model, or kept apart."""
    pairs = hard_pairs()
    found: dict[str, dict[str, int]] = {}
    vectors = vectors_of([text for pair in pairs for text in (pair.left, pair.right)]) if vectors_of else None
    for place, pair in enumerate(pairs):
        cosine = None if vectors is None else float(vectors[2 * place] @ vectors[2 * place + 1])
        alike = likeness(Statement(text=pair.left), Statement(text=pair.right), cosine=cosine)
        counts = found.setdefault(pair.label, {"same": 0, "ask": 0, "apart": 0})
        counts[alike.band.value] += 1
    return found


async def embedded(path: Path, texts: Sequence[str]) -> dict[str, Any]:
    """A vector of length 1 for each text, by a real model."""
    with tempfile.TemporaryDirectory() as state:
        model = Gpt4AllEmbedding(
            inspect(path),
            state_dir=Path(state),
            threads=2,
            context_tokens=512,
            load_timeout=60,
            idle_seconds=60,
        )
        try:
            known: dict[str, Any] = {}
            distinct = sorted(set(texts))
            for start in range(0, len(distinct), 256):
                part = distinct[start : start + 256]
                rows = np.array(await model.embed(part, timeout=300), np.float32)
                known.update(zip(part, rows, strict=True))
            return known
        finally:
            await model.aclose()


def measure(people: int, seed: int, embedding: Path | None) -> Report:
    everyone = labelled_memories(people, seed=seed)
    known: dict[str, Any] = {}
    if embedding is not None:
        texts = [memory.text for memories in everyone for memory in memories]
        texts += [text for pair in hard_pairs() for text in (pair.left, pair.right)]
        known = asyncio.run(embedded(embedding, texts))

    def vectors_of(texts: Sequence[str]) -> Any:
        return np.stack([known[text] for text in texts])

    scores: dict[str, MergeScore] = {}
    usual: dict[str, list[MergeScore]] = {}
    for name, judge in JUDGES.items():
        scores[name] = total(
            score(
                memories,
                merged(memories, judge, vectors_of([one.text for one in memories]) if known else None),
            )
            for memories in everyone
        )
    for memories in everyone if known else ():
        for floor in (0.75, 0.9):
            for way, groups in by_cosine(vectors_of([one.text for one in memories]), floor).items():
                usual.setdefault(f"cosine {floor} alone, {way}", []).append(score(memories, groups))
    scores |= {name: total(found) for name, found in usual.items()}
    hand = by_hand(vectors_of if known else None)
    return Report(
        benchmark="quality.memories",
        machine=machine(Path.cwd()),
        versions={"numpy": np.__version__},
        options={"people": people, "seed": seed, "embedding": embedding.name if embedding else "none"},
        results=[{"way": name, **asdict(one), "recall": round(one.recall, 4)} for name, one in scores.items()]
        + [{"by_hand": hand}],
        tables=[
            Table(
                f"Memories of {people} people, {sum(map(len, everyone)):,} in all",
                ("way", "merged pairs", "false", "precision", "recall"),
                [
                    (name, f"{one.merged:,}", f"{one.false:,}", f"{one.precision:.3f}", f"{one.recall:.3f}")
                    for name, one in scores.items()
                ],
            ),
            Table(
                "Pairs written by hand",
                ("label", "merged", "asked about", "apart"),
                [
                    (label, *(str(counts[band]) for band in ("same", "ask", "apart")))
                    for label, counts in hand.items()
                ],
            ),
        ],
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--people", type=options.positive, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedding", type=Path, help="a GGUF file that makes embeddings")
    arguments: argparse.Namespace = parser.parse_args()
    measure(arguments.people, arguments.seed, arguments.embedding).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
