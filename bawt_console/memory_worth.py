"""What a memory is worth and why, in words: the formula of decay with its numbers, and what shields it.

It computes nothing anew; the numbers are those that the database gave or kept.
"""

import math
from collections.abc import Mapping
from typing import Any

# As decay has it; a memory below it goes to the archive unless something shields it.
THRESHOLD = 0.05
PLAIN_HALF_LIFE_DAYS = 90
# Days and values beyond it are none; NaN is not below it either.
LARGEST = 1e12

SHIELDS = {
    "pinned": "It is pinned, so it stays whatever it is worth.",
    "explicit": "The person said to keep it, so it stays whatever it is worth.",
    "tag": "Its tag (pinned, explicit, identity or health) keeps it whatever it is worth.",
    "important": "Its importance of 0.9 or more keeps it whatever it is worth.",
    "young": "It is younger than 30 days, or was used within them, so it stays for now.",
    "restored": "It was brought back within the last 90 days, so it stays for now.",
    "cited": "A live summary rests on the same message, so it stays for now.",
}
_METHODS = {
    "equal text": "They say the same but for spelling and small words.",
    "contained": "The one that stayed says in full what the others said.",
    "close": "They share their words, and their vectors are nearly equal.",
    "judged": "A model judged them the same, asked in both orders.",
}
# What decay takes from tags; others count once.
_WEIGHTS = {"fact": 2, "health": 1.5, "work": 1.5, "relationship": 1.2, "event": 0.6, "plan": 0.5}


def worth_sentences(numbers: Mapping[str, Any], *, left: bool) -> list[str]:
    """The formula in words, step by step; empty where the numbers are not known.

    Args:
        left: whether the memory went to the archive by them.
    """
    known = _numbers(numbers)
    if known is None:
        return []
    value, life, idle, importance = (
        known[name] for name in ("value", "half_life_days", "days_idle", "importance")
    )
    start = 0.05 + 0.95 * importance
    halves = idle / life
    lives = f"{halves:,.{1 if halves >= 1 else 2}f} half-lives" if halves < 1000 else "over 1,000 half-lives"
    verdict = "below" if value < THRESHOLD else "not below"
    end = f"which {'was' if left else 'is'} {verdict} {THRESHOLD}"
    return [
        f"At first it is worth {start:.2f}, for its importance of {importance:.2f}.",
        _life_sentence(life, importance, numbers),
        f"{_days(idle)} without use {'were' if left else 'are'} {lives}: {_share(halves)} of it is left.",
        f"{start:.2f} × {_share(halves)} = {value:.4f}, {end}.",
    ]


def fate(value: float | None, shield: str | None) -> str:
    """What decay will do with a memory in use, as a sentence."""
    if shield is not None:
        return SHIELDS.get(shield, f"It is kept: {shield}.")
    if value is None:
        return "What it is worth is not known, because its age is not."
    if value < THRESHOLD:
        return "Nothing shields it: the next run of memory_decay may archive it, the worst first."
    return "It is worth enough to stay."


def merge_sentence(numbers: Mapping[str, Any]) -> str:
    """Why memories were merged; empty where that is not known."""
    told = _METHODS.get(str(numbers.get("method", "")), "")
    score = numbers.get("score")
    if (
        told
        and isinstance(score, int | float)
        and not isinstance(score, bool)
        and numbers["method"] == "close"
    ):
        return f"{told[:-1]} ({score:.2f})."
    return told


def _life_sentence(life: float, importance: float, numbers: Mapping[str, Any]) -> str:
    uses = numbers.get("access_count")
    uses = uses if isinstance(uses, int) and not isinstance(uses, bool) and 0 <= uses < 2**31 else 0
    tag = numbers.get("tag")
    weight = numbers.get("tag_weight")
    if not isinstance(weight, int | float) or isinstance(weight, bool):
        weight = _WEIGHTS.get(str(tag).lower(), 1)
    factors = [
        f"{PLAIN_HALF_LIFE_DAYS} days",
        f"{2 ** (2 * importance - 1):.2f} for importance",
        f"{min(1 + 0.35 * math.log1p(uses), 3):.2f} for {uses:,} {'use' if uses == 1 else 'uses'}",
        f"{weight:g} for {f'the tag {tag}' if tag else 'no tag'}",
    ]
    return f"It halves every {_days(life)}: {' × '.join(factors)}."


def _share(halves: float) -> str:
    share = 2.0**-halves if halves < 1000 else 0.0
    return f"{share:.3f}" if share >= 0.0005 else "almost nothing"


def _days(days: float) -> str:
    if days < 10:
        return f"{days:.1f} days"
    return f"{days:,.0f} days"


def _numbers(numbers: Mapping[str, Any]) -> dict[str, float] | None:
    """The four that the formula needs; None where one is missing, or is none that it could have had."""
    found: dict[str, float] = {}
    for name in ("value", "half_life_days", "days_idle", "importance"):
        number = numbers.get(name)
        if not isinstance(number, int | float) or isinstance(number, bool) or not abs(number) < LARGEST:
            return None
        found[name] = float(number)
    fits = found["days_idle"] >= 0 < found["half_life_days"] and 0 <= found["importance"] <= 1
    return found if fits else None
