"""What the models of this machine look like to screens: values, and the questions that can be asked.

`model_shelf` answers them; nothing here reads a file or asks a server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scheduler_core.errors import SchedulerError


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfModel:
    """A file or the server, as a row of the list.

    Attributes:
        wanted: what the settings would call it; identifies it.
        kind: architecture of a file, or the server's address.
        locality: `local` or `remote`; empty where it is not known.
        parameters, size_bytes, context_tokens, needed_bytes: 0 where they are not known.
        reason: why it is rejected or does not fit; else empty.
        taken_for: `text` or `embeddings` if automatic choice takes it; else empty.
    """

    wanted: str
    name: str
    kind: str
    is_server: bool
    is_embedding: bool
    locality: str
    quantisation: str
    parameters: int
    size_bytes: int
    context_tokens: int
    needed_bytes: int
    fits_memory: bool
    is_usable: bool
    reason: str
    taken_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfPart:
    """A download that broke off or was stopped, here or by another process. `total` may be unknown."""

    file_name: str
    url: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfList:
    """Everything found.

    Attributes:
        trouble: why nothing is taken for text; empty if something is.
        parts: downloads that can go on.
    """

    models: tuple[ShelfModel, ...]
    free_bytes: int
    folders: tuple[str, ...]
    trouble: str
    parts: tuple[ShelfPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueModel:
    """A model that can be fetched by its name. `size_bytes` is 0 where it is not known.

    Attributes:
        host: where it lies.
        memory: what the catalogue says it needs, in gigabytes; may be empty.
    """

    name: str
    host: str
    file_name: str
    size_bytes: int
    parameters: str
    memory: str
    is_embedding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadState:
    """How far a download is. Speed is in bytes a second; `total` is None where it is not known."""

    phase: str
    done: int
    total: int | None
    speed: float

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or self.speed <= 0:
            return None
        return max(0.0, (self.total - self.done) / self.speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of a prompt. `detail` explains every end other than `stop`."""

    text: str
    finish: str
    detail: str
    tokens_in: int
    tokens_out: int
    tokens_per_second: float | None
    seconds_to_first_token: float | None
    seconds_loading: float


class DownloadStoppedError(SchedulerError):
    """A person stopped the download; what was fetched is kept to go on from."""


class Shelf(Protocol):
    """What screens may ask for; see `ModelShelf`."""

    @property
    def catalogue_host(self) -> str: ...

    async def models(self) -> ShelfList: ...

    async def catalogue(self) -> tuple[CatalogueModel, ...]: ...

    async def download(self, wanted: str, *, on_progress: Callable[[DownloadState], None]) -> str: ...

    def stop_download(self) -> None: ...

    async def ask(self, wanted: str, text: str, *, on_token: Callable[[str], None]) -> Trial: ...
