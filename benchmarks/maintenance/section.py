"""What a section finds out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.report import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """See `Report` for the fields."""

    results: Sequence[Mapping[str, Any]]
    tables: Sequence[Table]
    ratios: Mapping[str, float] = field(default_factory=dict)
