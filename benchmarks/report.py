"""What a benchmark found: numbers for machines, a table for people."""

import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of the same thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def quantile(self, share: float) -> float:
        """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
        ordered = sorted(self.values)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    def facts(self, digits: int = 3) -> dict[str, float | int]:
        """For the JSON: how many, and where they lie."""
        named = {"min": 0.0, "p50": 0.5, "p99": 0.99, "max": 1.0}
        facts = {name: round(self.quantile(share), digits) for name, share in named.items()}
        return {"count": len(self.values), **facts}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of text; the first is aligned left, the others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> list[str]:
        widths = [
            max(len(row[place]) for row in (self.columns, *self.rows)) for place in range(len(self.columns))
        ]
        body = [self.columns, ["-" * width for width in widths], *self.rows]
        return [self.title, *("  ".join(_aligned(row, widths)).rstrip() for row in body)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything one benchmark prints.

    Attributes:
        options: what was asked for; sizes and rounds.
        results: one object for each line of the table, with every number.
        ratios: the numbers that a goal is set for.
    """

    benchmark: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    options: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    tables: Sequence[Table]
    ratios: Mapping[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """For people."""
        parts = [
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
            for facts in (self.machine, self.versions, self.options)
        ]
        for table in self.tables:
            parts.append("\n".join(table.lines()))
        if self.ratios:
            parts.append("\n".join(f"{name}: {value:.2f}" for name, value in self.ratios.items()))
        return "\n\n".join(parts)

    def json(self) -> str:
        """For machines: one object."""
        names = ("benchmark", "machine", "versions", "options", "results", "ratios")
        return json.dumps({name: getattr(self, name) for name in names}, indent=1)

    def print(self, *, as_json: bool) -> None:
        print(self.json() if as_json else self.text())


def say(what: str) -> None:
    """One line of progress on stderr: the report comes minutes later, and is all that stdout gets."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
