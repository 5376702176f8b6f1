"""What is remembered about model files between runs."""

import asyncio
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler_core.errors import ModelError
from scheduler_core.llm.checksums import Checksums
from scheduler_core.llm.quarantine import Quarantine
from scheduler_core.llm.state_file import StateFile

MONDAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


def _crash(quarantine: Quarantine) -> bool:
    return quarantine.record_crash("sha256:aa", name="model", size_bytes=1)


def test_the_second_crash_within_a_day_sets_a_model_aside(tmp_path: Path) -> None:
    clock = _Clock()
    quarantine = Quarantine(tmp_path, now=clock)
    assert not _crash(quarantine)
    clock.now += timedelta(hours=23)
    assert _crash(quarantine)
    clock.now += timedelta(days=100)
    assert Quarantine(tmp_path).is_set_aside("sha256:aa")


def test_crashes_more_than_a_day_apart_do_not(tmp_path: Path) -> None:
    clock = _Clock()
    quarantine = Quarantine(tmp_path, now=clock)
    for _ in range(5):
        assert not _crash(quarantine)
        clock.now += timedelta(hours=25)


def test_a_released_model_starts_afresh(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    _crash(quarantine)
    _crash(quarantine)
    assert quarantine.release("sha256:aa")
    assert not quarantine.release("sha256:aa")
    assert not _crash(quarantine)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"sha256:aa": 3}',
        b'{"sha256:aa": {"crashes": ["soon", 4, "2026-03-02T03:00:00"]}}',
    ],
)
def test_a_damaged_list_reads_as_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "quarantine.json").write_bytes(content)
    quarantine = Quarantine(tmp_path)
    assert not quarantine.is_set_aside("sha256:aa")
    assert not _crash(quarantine)


async def test_a_checksum_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    checksums = Checksums(tmp_path / "state")
    assert checksums.known(path) == ""
    expected = "sha256:" + hashlib.sha256(b"one").hexdigest()
    assert await checksums.of(path) == expected
    assert Checksums(tmp_path / "state").known(path) == expected
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert checksums.known(path) == ""
    assert await checksums.of(path) != expected


async def test_a_checksum_of_a_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        await Checksums(tmp_path).of(tmp_path / "missing")


async def test_cancelling_stops_the_hashing(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(64 * 2**30)
    task = asyncio.ensure_future(Checksums(tmp_path / "state").of(path))
    await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # Closing the loop's threads would take a minute if the reading went on.
    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), timeout=5)


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    state = StateFile(tmp_path / "file" / "state.json")
    state.write({"a": 1})
    assert state.read() == {}


def test_a_state_file_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    StateFile(tmp_path / "state.json").write({"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0
