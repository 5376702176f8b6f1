"""Which model files there are, which of them can be used, and which one a job gets.

Only headers are read; nothing is loaded or downloaded, and gpt4all is not imported.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.gguf import Header, read_header
from scheduler_core.llm.quarantine import Quarantine

OVERHEAD_BYTES = 400 * 1024 * 1024
"""What a loaded model takes beside its weights and its context: interpreter, buffers, libraries."""

ASSUMED_CONTEXT = 4096
"""Context tokens assumed when judging whether a model fits in memory."""

_SHOWN_REASONS = 5


class Verdict(StrEnum):
    USABLE = "usable"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One GGUF file and what was found out about it.

    Attributes:
        name: the file's name without `.gguf`.
        title: what the file calls itself; may be empty.
        parameters: number of weights; 0 if the header was refused.
        context_tokens: what the model was trained for; 0 if the header was refused.
        reason: why it is rejected, or why it does not fit; else empty.
        needed_bytes: weights, context and overhead; 0 if the header was refused.
        fits_memory: that much fits in the memory given to `discover`.
        dimensions: length of an embedding model's vectors; 0 for others.
    """

    path: Path
    name: str
    title: str
    architecture: str
    quantisation: str
    parameters: int
    size_bytes: int
    context_tokens: int
    vocabulary: int
    verdict: Verdict
    reason: str
    needed_bytes: int
    fits_memory: bool
    is_embedding: bool
    dimensions: int

    @property
    def is_usable(self) -> bool:
        return self.verdict is Verdict.USABLE

    @property
    def is_candidate(self) -> bool:
        """Whether automatic choice may take it to write text."""
        return self.is_usable and self.fits_memory and not self.is_embedding

    @property
    def is_embedding_candidate(self) -> bool:
        """Whether automatic choice may take it for embeddings."""
        return self.is_usable and self.fits_memory and self.is_embedding


def default_model_folders(models_dir: Path) -> tuple[Path, ...]:
    """Our own folder first, then those of gpt4all's Python package and desktop application."""
    home = Path.home()
    if sys.platform == "darwin":
        desktop = home / "Library" / "Application Support" / "nomic.ai" / "GPT4All"
    elif sys.platform == "win32":
        desktop = home / "AppData" / "Local" / "nomic.ai" / "GPT4All"
    else:
        desktop = home / ".local" / "share" / "nomic.ai" / "GPT4All"
    return tuple(dict.fromkeys((models_dir, home / ".cache" / "gpt4all", desktop)))


def available_memory() -> int:
    """Bytes that can be used without swapping, within the limit of a Linux container."""
    import psutil

    free = int(psutil.virtual_memory().available)  # type: ignore[no-untyped-call]  # psutil has no types
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return min(free, max(0, int(limit) - used)) if limit.isdigit() else free


def discover(
    folders: Iterable[Path], *, memory_bytes: int, quarantine: Quarantine | None = None
) -> tuple[ModelFile, ...]:
    """Every GGUF file in the folders (not below them), in the order of folders and names.

    Reads headers only, about a tenth of a second for a large vocabulary; call it off the event loop.
    Folders that do not exist or cannot be listed hold no models. A file reached twice is listed once.
    """
    found: dict[Path, ModelFile] = {}
    for folder in folders:
        for path in _gguf_files(folder):
            resolved = path.resolve()
            if resolved not in found:
                found[resolved] = inspect(path, memory_bytes=memory_bytes, quarantine=quarantine)
    return tuple(found.values())


def inspect(
    path: Path, *, memory_bytes: int | None = None, quarantine: Quarantine | None = None
) -> ModelFile:
    """Judges one file. Without `memory_bytes` it is taken to fit. Never raises for a bad file."""
    try:
        if path.suffix != ".gguf":
            raise ModelError("Its name does not end in .gguf, which gpt4all demands.")
        header = read_header(path)
        if quarantine is not None and quarantine.holds(path):
            raise ModelError("It was set aside after crashing twice within a day.")
    except ModelError as error:
        return _rejected(path, error.title)
    except OSError as error:
        return _rejected(path, f"It cannot be read: {error.strerror}.")
    needed = required_memory(header, ASSUMED_CONTEXT)
    fits = memory_bytes is None or needed <= memory_bytes
    reason = (
        "" if fits else f"Needs about {_gigabytes(needed)} of memory; {_gigabytes(memory_bytes)} are free."
    )
    return ModelFile(
        path=path,
        name=path.stem,
        title=header.name,
        architecture=header.architecture,
        quantisation=header.quantisation,
        parameters=header.parameters,
        size_bytes=header.file_bytes,
        context_tokens=header.context_tokens,
        vocabulary=header.vocabulary,
        verdict=Verdict.USABLE,
        reason=reason,
        needed_bytes=needed,
        fits_memory=fits,
        is_embedding=header.is_embedding,
        dimensions=header.embedding_length if header.is_embedding else 0,
    )


def required_memory(header: Header, context_tokens: int) -> int:
    """An estimate in bytes of what the loaded model takes."""
    context = min(context_tokens, header.context_tokens)
    return header.file_bytes + context * header.cache_bytes_per_token + OVERHEAD_BYTES


def choose(files: Sequence[ModelFile], *, wanted: str = "") -> ModelFile:
    """The model for a job.

    Args:
        files: what `discover` found.
        wanted: a file name, with or without `.gguf`, a model's own title, or a path (also outside the
            folders); a wanted model is taken even if it seems too big. Empty: the usable text model with
            most parameters that fits in memory; of equal ones the bigger file, then the first name.

    Raises:
        ModelError: nothing can be used, or the wanted model is missing, broken or not a text model.
    """
    if wanted.strip():
        return _wanted(files, wanted.strip())
    candidates = [file for file in files if file.is_candidate]
    if not candidates:
        raise ModelError("No local model can be used.", _explain(files))
    return min(candidates, key=_rank)


def choose_embedding(files: Sequence[ModelFile], *, wanted: str = "") -> ModelFile | None:
    """The model for embeddings, chosen as `choose` chooses; None when nothing fits and none was wanted.

    Raises:
        ModelError: the wanted model is missing, broken or makes no embeddings.
    """
    if not wanted.strip():
        return min((file for file in files if file.is_embedding_candidate), key=_rank, default=None)
    file = _usable(files, wanted.strip())
    if not file.is_embedding:
        raise ModelError(
            f"The model {wanted} makes no embeddings.",
            "Only bert and nomic-bert models can be used for them.",
        )
    return file


def _wanted(files: Sequence[ModelFile], wanted: str) -> ModelFile:
    file = _usable(files, wanted)
    if file.is_embedding:
        raise ModelError(f"The model {wanted} makes embeddings and cannot write text.", _explain(files))
    return file


def _usable(files: Sequence[ModelFile], wanted: str) -> ModelFile:
    file = _find(files, wanted)
    if file is None:
        raise ModelError(f"The model {wanted} was not found.", _explain(files))
    if not file.is_usable:
        raise ModelError(f"The model {wanted} cannot be used: {file.reason}", _explain(files))
    return file


def _find(files: Sequence[ModelFile], wanted: str) -> ModelFile | None:
    path = Path(wanted).expanduser()
    if path.is_absolute() or len(path.parts) > 1:
        resolved = path.resolve()
        for file in files:
            if file.path.resolve() == resolved:
                return file
        return inspect(path) if path.exists() else None
    name = wanted.casefold()
    matches = [f for f in files if name in (f.path.name.casefold(), f.name.casefold(), f.title.casefold())]
    return next((file for file in matches if file.is_usable), matches[0] if matches else None)


def _rank(file: ModelFile) -> tuple[int, int, str, str]:
    return (-file.parameters, -file.size_bytes, file.name, str(file.path))


def _explain(files: Sequence[ModelFile]) -> str:
    """What could be used instead; without such a thing, why each file cannot."""
    usable = sorted(file.name for file in files if file.is_candidate)
    if usable:
        return "Available: " + ", ".join(usable) + "."
    refused = [f"{f.name}: {f.reason or 'it makes embeddings.'}" for f in files if not f.is_candidate]
    if not refused:
        return "Put a GGUF file into the models folder, or name a file by its path."
    more = len(refused) - _SHOWN_REASONS
    return " ".join(refused[:_SHOWN_REASONS]) + (f" And {more} more." if more > 0 else "")


def _gguf_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".gguf")
    except OSError:
        return []


def _rejected(path: Path, reason: str) -> ModelFile:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return ModelFile(
        path=path,
        name=path.stem,
        title="",
        architecture="",
        quantisation="",
        parameters=0,
        size_bytes=size,
        context_tokens=0,
        vocabulary=0,
        verdict=Verdict.REJECTED,
        reason=reason,
        needed_bytes=0,
        fits_memory=False,
        is_embedding=False,
        dimensions=0,
    )


def _gigabytes(size: int | None) -> str:
    return f"{(size or 0) / 1e9:.1f} GB"
