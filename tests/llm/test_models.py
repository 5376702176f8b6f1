"""Discovery and choice of model files."""

import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_core.errors import ModelError
from scheduler_core.llm.checksums import Checksums
from scheduler_core.llm.gguf import read_header
from scheduler_core.llm.models import (
    ASSUMED_CONTEXT,
    ModelFile,
    available_memory,
    choose,
    default_model_folders,
    discover,
    inspect,
    required_memory,
)
from scheduler_core.llm.quarantine import Quarantine
from tests import gguf_models

PLENTY = 64 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small and a larger text model, an embedding model and a broken file."""
    folder = tmp_path / "models"
    folder.mkdir()
    gguf_models.scripted(folder / "small.gguf", {None: "small"}, name="Small One")
    gguf_models.scripted(folder / "large.gguf", {None: "large " * 300}, name="Large One")
    gguf_models.embedding(folder / "embed.gguf")
    gguf_models.truncated(folder / "broken.gguf", folder / "small.gguf", missing=100)
    (folder / "notes.txt").write_text("not a model")
    return folder


def _discover(*folders: Path, memory_bytes: int = PLENTY) -> tuple[ModelFile, ...]:
    return discover(folders, memory_bytes=memory_bytes)


def test_every_gguf_file_is_listed_with_its_verdict(folder: Path) -> None:
    files = {file.name: file for file in _discover(folder)}
    assert list(files) == ["broken", "embed", "large", "small"]
    assert files["small"].is_candidate
    assert files["embed"].is_embedding
    assert not files["embed"].is_candidate
    assert not files["broken"].is_usable
    assert "100 bytes missing" in files["broken"].reason


def test_missing_folders_and_repeated_ones_change_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    files = _discover(tmp_path / "nowhere", folder, tmp_path / "link", folder)
    assert len(files) == 4


def test_an_empty_wish_takes_the_largest_text_model_that_fits(folder: Path) -> None:
    assert choose(_discover(folder)).name == "large"


def test_a_model_too_big_for_the_memory_is_passed_over_with_its_reason(folder: Path) -> None:
    needed = required_memory(read_header(folder / "small.gguf"), ASSUMED_CONTEXT)
    fitting = _discover(folder, memory_bytes=needed)
    assert choose(fitting).name == "small"
    large = next(file for file in fitting if file.name == "large")
    assert "are free" in large.reason
    assert choose(fitting, wanted="large").name == "large"


@pytest.mark.parametrize("wanted", ["small", "small.gguf", "SMALL", "Small One", " small "])
def test_a_model_can_be_wanted_by_file_name_or_by_its_title(folder: Path, wanted: str) -> None:
    assert choose(_discover(folder), wanted=wanted).name == "small"


def test_a_model_can_be_wanted_by_path_inside_and_outside_the_folders(folder: Path, tmp_path: Path) -> None:
    outside = gguf_models.scripted(tmp_path / "outside.gguf", {None: "x"})
    assert choose(_discover(folder), wanted=str(folder / "small.gguf")).name == "small"
    assert choose(_discover(folder), wanted=str(outside)).path == outside


def test_a_missing_model_is_an_error_that_names_what_there_is(folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        choose(_discover(folder), wanted="gone")
    assert "gone" in caught.value.title
    assert caught.value.hint == "Available: large, small."


@pytest.mark.parametrize(("wanted", "word"), [("broken", "bytes missing"), ("embed", "embeddings")])
def test_a_wanted_model_that_cannot_write_text_is_an_error(folder: Path, wanted: str, word: str) -> None:
    with pytest.raises(ModelError) as caught:
        choose(_discover(folder), wanted=wanted)
    assert word in caught.value.title


def test_without_a_usable_model_each_rejection_is_named(folder: Path) -> None:
    (folder / "large.gguf").unlink()
    (folder / "small.gguf").unlink()
    with pytest.raises(ModelError) as caught:
        choose(_discover(folder))
    assert "broken: " in caught.value.hint
    assert "embed: " in caught.value.hint
    with pytest.raises(ModelError) as caught:
        choose(())
    assert "Put a GGUF file" in caught.value.hint


def test_a_name_gpt4all_cannot_open_is_rejected(tmp_path: Path) -> None:
    path = gguf_models.scripted(tmp_path / "model.GGUF", {None: "x"})
    assert not inspect(path).is_usable


def test_a_model_set_aside_is_rejected_also_under_another_name(folder: Path, tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "state")
    path = folder / "large.gguf"
    checksum = Checksums(tmp_path / "state").compute(path)
    for _ in range(2):
        quarantine.record_crash(checksum, name="large", size_bytes=path.stat().st_size)
    path.rename(folder / "renamed.gguf")
    files = discover([folder], memory_bytes=PLENTY, quarantine=quarantine)
    assert "set aside" in next(file for file in files if file.name == "renamed").reason
    assert choose(files).name == "small"
    assert quarantine.release(checksum)
    assert choose(discover([folder], memory_bytes=PLENTY, quarantine=quarantine)).name == "renamed"


def test_our_own_folder_comes_before_those_of_gpt4all(tmp_path: Path) -> None:
    folders = default_model_folders(tmp_path)
    assert folders[0] == tmp_path
    assert Path.home() / ".cache" / "gpt4all" in folders


def test_available_memory_is_a_number_of_bytes() -> None:
    assert available_memory() > 10**6


def test_importing_models_costs_neither_gpt4all_nor_numpy() -> None:
    code = (
        "import sys, scheduler_core.llm.models, scheduler_core.llm.gpt4all;"
        "print([name for name in ('gpt4all', 'numpy', 'psutil', 'sqlalchemy') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
