"""Who lives in the demo: people, assistants, and what they say. Invented, all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

BOTS = ("nova", "mira", "atlas", "juno", "pixel", "echo", "fern", "sol")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that stays: its category, key and value, and the day of the month on which it was said."""

    category: str
    key: str
    value: str
    day: float
    source: str = "explicit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One person or bot with a profile.

    Attributes:
        habits: key and values that follow each other in time, as `context` attributes.
    """

    type: str
    id: str
    name: str
    facts: tuple[Fact, ...]
    habits: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())

    @property
    def entity(self) -> str:
        return f"{self.type}/{self.id}"


_BOOKS = ("Middlemarch", "The Overstory", "Piranesi", "Dune", "Gilead", "Persuasion", "Solaris", "Emma")
_RACES = ("a half marathon", "a bicycle tour", "a climbing trip", "a swim across the lake")
_PROJECTS = (
    "a bird house",
    "a family tree",
    "a tax return",
    "a garden shed",
    "a photo book",
    "a model railway",
)
_PLANS = ("a weekend in Prague", "a dinner for six", "a visit to the dentist", "a move to the third floor")
_HABITS = (("reading", _BOOKS), ("training", _RACES), ("project", _PROJECTS), ("plan", _PLANS))


def _turned(by: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((key, values[by % len(values) :] + values[: by % len(values)]) for key, values in _HABITS)


FIGURES = (
    Figure(
        type="user",
        id="ada",
        name="Ada",
        facts=(
            Fact("fact", "name", "Ada", 0.05),
            Fact("fact", "location", "Leipzig", 0.1),
            Fact("fact", "occupation", "a head nurse", 0.1),
            Fact("fact", "allergy", "penicillin", 0.3),
            Fact("fact", "daughter", "Mila, seven years old", 4.2),
            Fact("fact", "second daughter", "Nora, four years old", 4.2),
            Fact("preference", "likes", "strong coffee", 6.6),
            Fact("preference", "dislikes", "phone calls before noon", 9.4, "inferred"),
            Fact("preference", "likes", "crime novels", 13.5),
            Fact("fact", "location", "Dresden", 17.7),
            Fact("fact", "language", "German and Sorbian", 22.4),
        ),
        habits=_turned(0),
    ),
    Figure(
        type="user",
        id="jo",
        name="Jo",
        facts=(
            Fact("fact", "name", "Jo", 0.05),
            Fact("fact", "location", "Lisbon", 0.2),
            Fact("fact", "occupation", "a carpenter", 0.2),
            Fact("fact", "pet", "two cats", 2.9),
            Fact("preference", "likes", "fado", 8.1),
            Fact("preference", "dislikes", "sweet wine", 12.3),
            Fact("fact", "language", "Portuguese and English", 16.2),
        ),
        habits=_turned(1),
    ),
    Figure(
        type="user",
        id="finn",
        name="Finn",
        facts=(
            Fact("fact", "name", "Finn", 0.05),
            Fact("fact", "location", "Turku", 0.4),
            Fact("fact", "occupation", "a bus driver", 0.4),
            Fact("fact", "allergy", "birch pollen", 3.3),
            Fact("preference", "likes", "ice hockey", 7.2),
            Fact("preference", "likes", "rye bread", 14.8),
        ),
        habits=_turned(2),
    ),
    Figure(
        type="user",
        id="lena",
        name="Lena",
        facts=(
            Fact("fact", "name", "Lena", 0.05),
            Fact("fact", "location", "Graz", 0.3),
            Fact("fact", "occupation", "a violin maker", 0.3),
            Fact("preference", "likes", "chamber music", 5.5),
            Fact("preference", "dislikes", "loud restaurants", 11.1, "inferred"),
            Fact("fact", "pet", "an old greyhound", 19.6),
        ),
        habits=_turned(3),
    ),
    Figure(
        type="user",
        id="omar",
        name="Omar",
        facts=(
            Fact("fact", "name", "Omar", 0.05),
            Fact("fact", "location", "Marseille", 0.6),
            Fact("fact", "occupation", "a marine biologist", 0.6),
            Fact("fact", "language", "French and Arabic", 2.2),
            Fact("preference", "likes", "night dives", 10.9),
            Fact("preference", "dislikes", "coriander", 21.0),
        ),
        habits=_turned(4),
    ),
    Figure(
        type="user",
        id="bo",
        name="Bo",
        facts=(
            Fact("fact", "name", "Bo", 0.05),
            Fact("fact", "location", "Malmö", 0.5),
            Fact("fact", "occupation", "a teacher of mathematics", 0.5),
            Fact("preference", "likes", "chess", 4.4),
            Fact("preference", "likes", "sourdough", 18.3),
        ),
        habits=_turned(5),
    ),
    Figure(
        type="bot",
        id="nova",
        name="Nova",
        facts=(
            Fact("fact", "name", "Nova", 0.05),
            Fact("preference", "likes", "short answers", 1.0, "inferred"),
            Fact("preference", "dislikes", "exclamation marks", 3.0, "inferred"),
            Fact("fact", "language", "English and German", 6.0, "system"),
        ),
        habits=(("project", ("a shopping list", "a training plan", "a letter to the landlord", "a recipe")),),
    ),
)

_WHO = ("Ada", "Jo", "Finn", "Lena", "Omar", "Bo")
# Two wordings, and what they are about.
_ACTS = (
    (
        ("likes {0} {1}", "enjoys {0} {1}"),
        *("old maps", "black tea", "mushroom soup", "film cameras", "string quartets", "mountain huts"),
        *("fountain pens", "wild swimming", "sea charts", "lentil curry", "night trains", "card games"),
    ),
    (
        ("goes to {0} every week {1}", "goes to {0} each week {1}"),
        *("the farmers market", "the choir rehearsal", "the boulder hall", "the book club", "the library"),
        *("the allotment garden", "the swimming pool", "the repair cafe", "the language course"),
        *("the flea market", "the chess evening", "the pottery class", "the rowing club", "the cinema"),
    ),
    (
        ("is interested in {0} {1}", "has an interest in {0} {1}"),
        *("wooden boats", "bird songs", "medieval castles", "beekeeping", "astronomy", "bread baking"),
        *("family history", "train timetables", "jazz", "bookbinding", "mosses", "old radios"),
    ),
    (
        ("usually has breakfast {0} {1}", "has breakfast {0} most days {1}"),
        *("on the balcony", "at the bakery", "in the garden", "on the way", "at the station", "by the river"),
    ),
)
_COMPANY = (
    *("alone", "with an old friend", "with a neighbour", "with the family", "with a colleague"),
    *("with a sister", "with a brother", "with the dog", "with two cousins", "with an aunt"),
    *("with the flatmate", "with a new friend", "with the whole team"),
)
_TOPICS = tuple((act, thing) for act, *things in _ACTS for thing in things)
_ALL = len(_WHO) * len(_TOPICS) * len(_COMPANY)
# Told in this order, so that each bot hears of everybody.
_ORDER = Random(5).sample(range(_ALL), _ALL)
TAGS = ("preference", "hobby", "work", "family", "health", "plan", "misc")


def wordings(number: int) -> tuple[str, str]:
    """Two wordings of one memory; another memory for each number, until all were told."""
    place = _ORDER[number % _ALL]
    who = _WHO[place % len(_WHO)]
    act, thing = _TOPICS[place // len(_WHO) % len(_TOPICS)]
    company = _COMPANY[place // (len(_WHO) * len(_TOPICS))]
    one, other = (f"{who} {wording.format(thing, company)}" for wording in act)
    return one, other


def said_next(number: int) -> tuple[Figure, Sequence[Fact]]:
    """What somebody says in the live part: one new thing, another one with each number."""
    figure = FIGURES[(0, 6, 1, 0, 2, 3, 0, 4, 5, 6)[number % 10]]
    _, likes = _TOPICS[(number * 7) % 12]
    return figure, (Fact("preference", "likes", likes, 0.0),)
