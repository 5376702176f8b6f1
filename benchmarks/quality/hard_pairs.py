"""The pairs that were written by hand: look-alikes, negations, numbers, names, two languages."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

FILE = Path(__file__).with_name("hard_pairs.jsonl")


@dataclass(frozen=True, slots=True)
class Said:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class HardPair:
    """Two things that were said, the second one later.

    Attributes:
        label: whether both say the same, both may be true, or the second one replaced the first.
        note: what makes the pair hard.
    """

    label: Literal["same", "different", "newer"]
    first: Said
    second: Said
    note: str


@cache
def hard_pairs() -> tuple[HardPair, ...]:
    found = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return tuple(
        HardPair(item["label"], Said(**item["first"]), Said(**item["second"]), item["note"]) for item in found
    )
