"""The seam between maintenance and whatever generates text.

A provider owns one loaded model, answers one request at a time and says where it runs. It never retries,
never judges the text and never touches the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class FinishReason(StrEnum):
    """Why a generation ended. Only `STOP` may reach a writer; everything else is evidence."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OVERFLOW = "overflow"
    EMPTY = "empty"
    CRASHED = "crashed"
    ERROR = "error"


class Locality(StrEnum):
    """Where the text goes: this machine, or another one."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What identifies a model in a run's result.

    Attributes:
        checksum: `sha256:` and 64 hexadecimal characters for a file; empty where there is none.
        context_tokens: prompt and answer together.
    """

    name: str
    provider: str
    locality: Locality
    checksum: str
    context_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt.

    Attributes:
        system: our own instructions; never a person's text.
        user: the data, already delimited by the caller.
        max_tokens: upper bound of the answer.
        timeout: seconds for the whole request, load excluded.
        temperature: 0 is greedy.
        answer_schema: a JSON schema that the answer should fit, where the provider can hold it to one; the
            caller must judge the answer all the same.
    """

    system: str
    user: str
    max_tokens: int
    timeout: float
    temperature: float = 0.0
    answer_schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer. `detail` explains every finish other than STOP in one sentence without prompt text."""

    text: str
    finish: FinishReason
    tokens_in: int
    tokens_out: int
    seconds: float
    detail: str = ""


TokenSink = Callable[[str], None]


class TextModel(Protocol):
    """A loaded or loadable model.

    `complete` never raises for what the model does: a crash, a timeout or an overflow is a Completion
    with that finish reason. asyncio cancellation stops the native work within a second and is re-raised.
    """

    @property
    def info(self) -> ModelInfo: ...

    def count_tokens(self, text: str) -> int:
        """An estimate that errs on the high side; used for budgets, not for billing."""
        ...

    async def complete(self, request: Request, *, on_token: TokenSink | None = None) -> Completion: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingInfo:
    """What identifies an embedding model; vectors of different ones are never compared.

    Attributes:
        checksum: as in `ModelInfo`.
        dimensions: length of every vector.
    """

    name: str
    provider: str
    locality: Locality
    checksum: str
    dimensions: int


class EmbeddingModel(Protocol):
    """A loaded or loadable model that turns texts into vectors."""

    @property
    def info(self) -> EmbeddingInfo: ...

    async def embed(self, texts: Sequence[str], *, timeout: float) -> Sequence[Sequence[float]]:
        """One vector of length 1 a text, in the same order.

        Args:
            timeout: seconds for all texts together.

        Raises:
            ModelError: no vectors; which of the texts is at fault is not told, and no text is quoted.
        """
        ...

    async def aclose(self) -> None: ...
