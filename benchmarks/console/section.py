"""What one section of the benchmark found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.report import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Its lines for the JSON, its tables, and the numbers that a goal is set for."""

    results: Sequence[Mapping[str, Any]]
    tables: Sequence[Table]
    ratios: Mapping[str, float] = field(default_factory=dict)
