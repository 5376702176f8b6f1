"""SHA-256 of model files, remembered by path, size and time of change.

Hashing gigabytes takes seconds, so it happens on a thread, once for each version of a file.
"""

import asyncio
import hashlib
import threading
from contextlib import suppress
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.state_file import StateFile

_BLOCK_BYTES = 4 * 1024 * 1024
_MOST_ENTRIES = 256


class Checksums:
    """A memory of checksums in `state_dir/checksums.json`."""

    def __init__(self, state_dir: Path) -> None:
        self._file = StateFile(state_dir / "checksums.json")

    def known(self, path: Path) -> str:
        """The remembered checksum, or the empty text if the file is new, changed or unreadable."""
        try:
            key, stamp = _identity(path)
        except OSError:
            return ""
        entry = self._file.read().get(key)
        if isinstance(entry, dict) and entry.get("stamp") == stamp:
            return str(entry.get("checksum", ""))
        return ""

    async def of(self, path: Path) -> str:
        """`sha256:` and 64 hexadecimal characters. Cancelling stops the reading.

        Raises:
            ModelError: the file cannot be read.
        """
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self.compute, path, stop=stop)
        finally:
            stop.set()

    def compute(self, path: Path, *, stop: threading.Event | None = None) -> str:
        """The same, blocking; with `stop` set it gives up and returns the empty text."""
        if known := self.known(path):
            return known
        digest = hashlib.sha256()
        try:
            key, stamp = _identity(path)
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    if stop is not None and stop.is_set():
                        return ""
                    digest.update(block)
        except OSError as error:
            raise ModelError(f"{path.name} cannot be read.", "Check path and permissions.") from error
        checksum = f"sha256:{digest.hexdigest()}"
        self._keep(key, stamp, checksum)
        return checksum

    def remember(self, path: Path, checksum: str) -> None:
        """Takes over what somebody else has just computed, as `sha256:` and 64 hexadecimal characters."""
        with suppress(OSError):
            key, stamp = _identity(path)
            self._keep(key, stamp, checksum)

    def _keep(self, key: str, stamp: list[int], checksum: str) -> None:
        entries = {name: entry for name, entry in self._file.read().items() if name != key}
        kept = dict(list(entries.items())[-_MOST_ENTRIES + 1 :])
        self._file.write({**kept, key: {"stamp": stamp, "checksum": checksum}})


def _identity(path: Path) -> tuple[str, list[int]]:
    """The key and what must be unchanged: size in bytes and time of change in nanoseconds."""
    status = path.stat()
    return str(path.resolve()), [status.st_size, status.st_mtime_ns]
