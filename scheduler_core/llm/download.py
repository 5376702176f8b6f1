"""Downloads a model file: goes on where a download broke off, and accepts nothing that it has not checked.

Only a person's command comes here; nothing else downloads. What was fetched lies beside its target until
its size, checksum and header are right. Servers are not trusted: sizes, ranges, redirects and content are
compared with what was promised before.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scheduler_core.errors import ModelError
from scheduler_core.llm.catalogue import CatalogueEntry, Source, parse_catalogue
from scheduler_core.llm.download_http import (
    BrokenOffError,
    Wire,
    range_of,
    refuse_status,
    strong_validator,
    total_of,
)
from scheduler_core.llm.download_part import Origin, Part, open_part
from scheduler_core.llm.gguf import read_header

if TYPE_CHECKING:
    import httpx

RESERVE_BYTES = 256 * 1000 * 1000
"""What must stay free on the disk: the database lives there too."""

CATALOGUE_BYTES = 8 * 1024 * 1024
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try without any progress; then the download gives up."""

_SPACE_CHECK_BYTES = 64 * 1024 * 1024
_HASH_BYTES = 4 * 1024 * 1024
_OK, _PARTIAL, _UNSATISFIABLE = 200, 206, 416


class Progress(Protocol):
    """Told about every block; what it shows is its business.

    Args:
        phase: `downloading` or `checking`.
        total: None if unknown.
    """

    def __call__(self, phase: str, done: int, total: int | None) -> None: ...


class _ChangedError(Exception):
    """What is here does not belong to what the server has; start over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """An accepted file. `is_verified`: its checksum was known beforehand, and is right."""

    path: Path
    size_bytes: int
    sha256: str
    is_verified: bool


def fetch_catalogue(url: str) -> tuple[CatalogueEntry, ...]:
    """Asks for gpt4all's list of models.

    Raises:
        ModelError: no answer, or none that can be understood.
    """
    content = b""
    try:
        with Wire() as wire, wire.get(url, {}) as response:
            if response.status_code != _OK:
                refuse_status(response)
            for block in wire.blocks(response):
                content += block
                if len(content) > CATALOGUE_BYTES:
                    raise ModelError("The catalogue of models is too long to be one.")
    except BrokenOffError as error:
        raise ModelError(
            f"The catalogue of models cannot be fetched: {error.sentence}", "Check the network, or try again."
        ) from error
    return parse_catalogue(content, url=url)


class Download:
    """One file into one folder, which must exist.

    Args:
        pauses: seconds before each further try; their number limits the tries without progress.
        free_bytes: space on the disk of a folder.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        *,
        progress: Progress,
        pauses: Sequence[float] = PAUSES,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        read_seconds: float = 30.0,
    ) -> None:
        self._source = source
        self._folder = folder
        self._progress = progress
        self._pauses = pauses
        self._free_bytes = free_bytes
        self._read_seconds = read_seconds

    def run(self) -> Downloaded:
        """Blocks until the file is complete and accepted. Interrupting leaves a part to go on from.

        Raises:
            StateError: the file exists, or is being downloaded already.
            ModelError: in one sentence; a part that proved wrong is removed, else it is kept.
        """
        with open_part(self._folder / self._source.file_name) as part:
            try:
                self._fetch(part)
                sha256 = self._check(part)
                size = part.size
                part.accept()
            except OSError as error:
                raise self._disk_error(error) from error
            finally:
                if not part.size:
                    part.discard()
        return Downloaded(
            path=part.target, size_bytes=size, sha256=sha256, is_verified=bool(self._source.digests)
        )

    def _fetch(self, part: Part) -> None:
        failures, farthest = 0, part.size
        with Wire(read_seconds=self._read_seconds) as wire:
            while not self._is_complete(part):
                try:
                    return self._attempt(wire, part)
                except _ChangedError:
                    part.restart()
                    failures += 1
                    cause = "the server changes the file while it is read."
                except BrokenOffError as error:
                    failures = 1 if part.size > farthest else failures + 1
                    # Not what is here now: starting over again and again is no progress.
                    farthest = max(farthest, part.size)
                    cause = error.sentence
                # Who never answered will hardly do so in a moment.
                if failures > len(self._pauses) or not wire.was_answered:
                    raise _given_up(part, cause)
                time.sleep(self._pauses[failures - 1])
        return None

    def _is_complete(self, part: Part) -> bool:
        origin = part.origin()
        return origin is not None and origin.url == self._source.url and origin.total == part.size

    def _attempt(self, wire: Wire, part: Part) -> None:
        origin = self._usable_origin(part)
        if origin is None:
            part.restart()
        with wire.get(self._source.url, _headers(part, origin)) as response:
            if response.status_code == _UNSATISFIABLE and part.size:
                if total_of(response) == part.size:
                    return
                raise _ChangedError
            if response.status_code == _PARTIAL:
                total = self._accept_range(response, part, origin)
            elif response.status_code == _OK:
                part.restart()
                total = total_of(response)
                self._check_size(total)
                part.note(Origin(url=self._source.url, validator=strong_validator(response), total=total))
            else:
                refuse_status(response)
            self._require_space(part, total)
            self._receive(wire, response, part, total)

    def _usable_origin(self, part: Part) -> Origin | None:
        """What a download may go on from: the same address, and a way to notice another content."""
        origin = part.origin()
        if origin is None or origin.url != self._source.url:
            return None
        return origin if origin.validator or self._source.digests else None

    def _accept_range(self, response: "httpx.Response", part: Part, origin: Origin | None) -> int | None:
        start, total = range_of(response)
        if origin is None or start != part.size:
            raise _ChangedError
        if origin.total is not None and total is not None and total != origin.total:
            raise _ChangedError
        validator = strong_validator(response)
        if origin.validator and validator and validator != origin.validator:
            # Some servers send a range of the new content although the old one was asked for.
            raise _ChangedError
        self._check_size(total)
        return total if total is not None else origin.total

    def _receive(self, wire: Wire, response: "httpx.Response", part: Part, total: int | None) -> None:
        unchecked = 0
        is_model = part.size >= 4
        self._progress("downloading", part.size, total)
        for block in wire.blocks(response):
            part.append(block)
            unchecked += len(block)
            if not is_model and part.size >= 4:
                is_model = self._require_model(part)
            limit = self._source.size_bytes if total is None else total
            if limit is not None and part.size > limit:
                part.discard()
                raise ModelError(f"The server sent more than the {_megabytes(limit)} it had promised.")
            if unchecked >= _SPACE_CHECK_BYTES:
                unchecked = 0
                self._require_space(part, total)
            self._progress("downloading", part.size, total)
        if total is not None and part.size < total:
            raise BrokenOffError("The server ended the transfer early.")

    def _check_size(self, total: int | None) -> None:
        expected = self._source.size_bytes
        if expected is not None and total is not None and total != expected:
            raise ModelError(
                f"The server offers {_megabytes(total)}, but the catalogue says {_megabytes(expected)}.",
                "Download it by its address if you trust it.",
            )

    def _require_space(self, part: Part, total: int | None) -> None:
        size = total if total is not None else self._source.size_bytes
        missing = 0 if size is None else size - part.size
        free = self._free_bytes(self._folder) - RESERVE_BYTES
        if missing > free or free < 0:
            raise ModelError(
                f"The disk of {self._folder} is too full: {_megabytes(max(missing, 0))} are still to come,"
                f" {_megabytes(max(free, 0))} can be used.",
                "Make room; the same command then goes on from here.",
            )

    def _require_model(self, part: Part) -> bool:
        """Looks at the first bytes, so that nobody waits for gigabytes of something else."""
        if not part.starts_like_a_model():
            self._check_header(part)
        return True

    def _check(self, part: Part) -> str:
        """The SHA-256 of a part that is what was asked for; removes any other."""
        expected = self._source.size_bytes
        if expected is not None and part.size != expected:
            part.discard()
            raise ModelError(f"The file has {part.size:,} bytes; the catalogue says {expected:,}.")
        digests = self._digests(part)
        for kind, digits in self._source.digests:
            if digests[kind] != digits:
                part.discard()
                raise ModelError(
                    f"The file is not what was expected: its {kind} checksum is {digests[kind]}.",
                    "Download it again, from another address if that does not help.",
                )
        self._check_header(part)
        return digests["sha256"]

    def _digests(self, part: Part) -> dict[str, str]:
        # MD5 is what the catalogue has; it tells a damaged file, not a forged one.
        running = {kind: hashlib.new(kind, usedforsecurity=False) for kind, _ in self._source.digests}
        running.setdefault("sha256", hashlib.sha256())
        done = 0
        with part.path.open("rb") as file:
            while block := file.read(_HASH_BYTES):
                for digest in running.values():
                    digest.update(block)
                done += len(block)
                self._progress("checking", done, part.size)
        return {kind: digest.hexdigest() for kind, digest in running.items()}

    def _check_header(self, part: Part) -> None:
        try:
            read_header(part.path)
        except ModelError as error:
            part.discard()
            title = error.title.replace(part.path.name, part.target.name)
            raise ModelError(title, error.hint) from None

    def _disk_error(self, error: OSError) -> ModelError:
        return ModelError(
            f"{self._folder} cannot be written: {error.strerror or type(error).__name__}.",
            "Make room or correct its permissions; the same command then goes on.",
        )


def _headers(part: Part, origin: Origin | None) -> dict[str, str]:
    if origin is None or not part.size:
        return {}
    headers = {"Range": f"bytes={part.size}-"}
    return headers | ({"If-Range": origin.validator} if origin.validator else {})


def _given_up(part: Part, cause: str) -> ModelError:
    if not part.size:
        return ModelError(cause[:1].upper() + cause[1:], "Check the address and the network.")
    return ModelError(
        f"The download broke off at {_megabytes(part.size)}: {cause}", "The same command goes on from there."
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
