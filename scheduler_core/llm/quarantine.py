"""Models that are set aside because they crashed their process twice within a day.

Kept by checksum, so that a renamed copy is still known and a repaired file is not. A model stays set aside
until `release`; one that crashes now and then over weeks is only counted.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scheduler_core.llm.checksums import Checksums
from scheduler_core.llm.state_file import StateFile

CRASH_LIMIT = 2
CRASH_WINDOW = timedelta(hours=24)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Quarantine:
    """The list in `state_dir/quarantine.json`.

    Args:
        now: the clock; aware times.
    """

    def __init__(self, state_dir: Path, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._file = StateFile(state_dir / "quarantine.json")
        self._checksums = Checksums(state_dir)
        self._now = now

    def record_crash(self, checksum: str, *, name: str, size_bytes: int) -> bool:
        """Counts a crash; True when the model is set aside from now on."""
        entries = self._file.read()
        now = self._now()
        times = [at for at in _times(entries.get(checksum)) if now - at < CRASH_WINDOW]
        times.append(now)
        set_aside = len(times) >= CRASH_LIMIT or self.is_set_aside(checksum)
        entries[checksum] = {
            "name": name,
            "size_bytes": size_bytes,
            "crashes": [at.isoformat() for at in times],
            "set_aside": set_aside,
        }
        self._file.write(entries)
        return set_aside

    def is_set_aside(self, checksum: str) -> bool:
        return _is_set_aside(self._file.read().get(checksum))

    def holds(self, path: Path) -> bool:
        """Whether this file is set aside. Hashes it only when its size equals that of one that is."""
        entries = {key: entry for key, entry in self._file.read().items() if _is_set_aside(entry)}
        if not entries:
            return False
        checksum = self._checksums.known(path)
        if not checksum:
            size = path.stat().st_size
            if not any(
                isinstance(entry, dict) and entry.get("size_bytes") == size for entry in entries.values()
            ):
                return False
            checksum = self._checksums.compute(path)
        return checksum in entries

    def release(self, checksum: str) -> bool:
        """Forgets a model's crashes, so that it is tried again; False if there were none."""
        entries = self._file.read()
        if entries.pop(checksum, None) is None:
            return False
        self._file.write(entries)
        return True


def _is_set_aside(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("set_aside") is True


def _times(entry: object) -> list[datetime]:
    crashes: object = entry.get("crashes") if isinstance(entry, dict) else None
    times = []
    for text in crashes if isinstance(crashes, list) else []:
        try:
            at = datetime.fromisoformat(str(text))
        except ValueError:
            continue
        if at.tzinfo is not None:
            times.append(at)
    return times
