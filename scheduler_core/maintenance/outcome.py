"""What a maintenance run did, in numbers: ready for `result_json`, without a word of anybody's profile."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityOutcome:
    """One entity of a run.

    Attributes:
        result: `moved` means that its attributes changed meanwhile; the next run takes it up.
        merged: attributes that a model found to say what another says.
        set_aside_ids: attributes that read like instructions.
        from_model, from_template: sentences of the summary by who worded them; `reused` ones are in both.
        refusals: why drafts were refused, each once, from the verifier's fixed list.
        version: the published one; None if nothing was.
        error_id: also in the log; `error` is its sentence.
    """

    entity: str
    result: Literal["changed", "unchanged", "moved", "failed"]
    attributes: int = 0
    kept: int = 0
    duplicates: int = 0
    contained: int = 0
    merged: int = 0
    superseded: int = 0
    noise: int = 0
    set_aside: int = 0
    set_aside_ids: tuple[int, ...] = ()
    sentences: int = 0
    from_model: int = 0
    from_template: int = 0
    reused: int = 0
    drafts_refused: int = 0
    refusals: tuple[str, ...] = ()
    version: int | None = None
    error_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """Which model a run had and what it did; `calls` 0 means it was not needed."""

    name: str
    provider: str
    locality: str
    checksum: str
    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float

    @property
    def tokens_per_second(self) -> float | None:
        return round(self.tokens_out / self.seconds, 1) if self.seconds > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceOutcome:
    """A whole run.

    Attributes:
        profiles: how many were considered; those that were up to date cost nothing and are `unchanged`.
        entities: those that were looked at, by name.
        model: None if the run had none, and summaries were made by the template.
        suspicious: reasons to look at a run that succeeded.
    """

    profiles: int
    entities: tuple[EntityOutcome, ...]
    model: ModelUse | None
    seconds: float
    suspicious: tuple[str, ...] = field(default_factory=tuple)

    @property
    def changed(self) -> int:
        return self._count("changed")

    @property
    def failed(self) -> int:
        return self._count("failed")

    @property
    def moved(self) -> int:
        return self._count("moved")

    @property
    def unchanged(self) -> int:
        return self.profiles - self.changed - self.failed - self.moved

    @property
    def is_unchanged(self) -> bool:
        """Nothing was published, nothing failed and nothing waits."""
        return self.profiles == self.unchanged

    def as_json(self) -> Mapping[str, object]:
        """Plain values for `json.dumps`."""
        model = None
        if self.model is not None:
            model = asdict(self.model) | {
                "seconds": round(self.model.seconds, 3),
                "tokens_per_second": self.model.tokens_per_second,
            }
        return {
            "profiles": self.profiles,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "moved": self.moved,
            "failed": self.failed,
            "entities": [asdict(entity) for entity in self.entities],
            "model": model,
            "without_model": self.model is None,
            "seconds": round(self.seconds, 3),
            "suspicious": list(self.suspicious),
        }

    def _count(self, result: str) -> int:
        return sum(entity.result == result for entity in self.entities)
