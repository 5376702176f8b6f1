"""The header reader against sound, damaged and hostile files."""

import contextlib
import random
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_core.errors import ModelError
from scheduler_core.llm.gguf import Header, read_header
from tests import gguf_models


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_models.with_architecture(tmp_path_factory.mktemp("small") / "small.gguf", "llama")


def _title(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_header(path)
    return caught.value.title


def test_a_sound_file_tells_its_architecture_context_vocabulary_and_size(answering: Path) -> None:
    header = read_header(answering)
    assert (header.architecture, header.name, header.context_tokens) == ("llama", "scripted", 4096)
    assert header.quantisation == "F32"
    assert header.vocabulary > 256
    assert header.file_bytes == answering.stat().st_size
    assert header.parameters * 4 < header.file_bytes
    assert not header.is_embedding


def test_quantised_tensors_are_named_and_measured(tmp_path: Path) -> None:
    path = gguf_models.scripted(tmp_path / "q.gguf", {None: "text"}, quantisation="Q8_0")
    assert read_header(path).quantisation == "Q8_0"
    gguf_models.truncated(tmp_path / "cut.gguf", path, missing=64)
    assert "64 bytes missing" in _title(tmp_path / "cut.gguf")


def test_an_embedding_model_is_recognised(tmp_path: Path) -> None:
    assert read_header(gguf_models.embedding(tmp_path / "e.gguf")).is_embedding


def test_the_chat_template_is_kept(tmp_path: Path) -> None:
    path = gguf_models.scripted(tmp_path / "t.gguf", {None: "text"}, chat_template="{{ '<|im_start|>' }}")
    assert read_header(path).chat_template == "{{ '<|im_start|>' }}"


def test_each_kind_of_wrong_file_is_named_for_what_it_is(tmp_path: Path, answering: Path) -> None:
    assert _title(gguf_models.empty(tmp_path / "a.gguf")) == "a.gguf is empty."
    assert _title(gguf_models.html(tmp_path / "b.gguf")) == "b.gguf is a web page, not a model."
    assert _title(gguf_models.random_bytes(tmp_path / "c.gguf")) == "c.gguf is not a GGUF file."
    size = answering.stat().st_size
    gguf_models.truncated(tmp_path / "d.gguf", answering, missing=size - 1000)
    assert _title(tmp_path / "d.gguf").startswith("The header of d.gguf is cut off")
    (tmp_path / "e.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "Git LFS pointer" in _title(tmp_path / "e.gguf")
    assert "cannot be read" in _title(tmp_path / "missing.gguf")
    assert "not a regular file" in _title(tmp_path)


def test_truncated_data_says_how_many_bytes_are_missing(tmp_path: Path, answering: Path) -> None:
    gguf_models.truncated(tmp_path / "t.gguf", answering, missing=12_345)
    assert "12,345 bytes missing" in _title(tmp_path / "t.gguf")


def test_an_architecture_gpt4all_cannot_run_is_refused_with_those_it_can(tmp_path: Path) -> None:
    path = gguf_models.with_architecture(tmp_path / "q.gguf", "qwen3")
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert "qwen3" in caught.value.title
    assert "qwen2," in caught.value.hint
    assert "llama," in caught.value.hint


@pytest.mark.parametrize(("kind", "word"), [(39, "MXFP4"), (99, "type 99")])
def test_a_quantisation_gpt4all_cannot_run_is_refused(
    tmp_path: Path, small: Path, kind: int, word: str
) -> None:
    content = small.read_bytes()
    at = content.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 2 * 8
    path = gguf_models.corrupt(tmp_path / "k.gguf", small, at=at, value=struct.pack("<I", kind))
    assert word in _title(path)


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (4, struct.pack("<I", 1), "version 1"),
        (4, struct.pack(">I", 3), "big-endian"),
        (8, struct.pack("<Q", 2**62), "tensors"),
        (16, struct.pack("<Q", 2**63), "metadata entries"),
        (24, struct.pack("<Q", 2**60), "a text of"),
    ],
)
def test_absurd_numbers_are_refused_before_anything_is_allocated(
    tmp_path: Path, answering: Path, at: int, value: bytes, word: str
) -> None:
    assert word in _title(gguf_models.corrupt(tmp_path / "x.gguf", answering, at=at, value=value))


def test_an_array_longer_than_the_file_is_refused(tmp_path: Path, small: Path) -> None:
    at = small.read_bytes().index(b"tokenizer.ggml.tokens") + len(b"tokenizer.ggml.tokens") + 8
    path = gguf_models.corrupt(tmp_path / "x.gguf", small, at=at, value=struct.pack("<Q", 2**40))
    assert "an array of" in _title(path)


def test_a_vocabulary_that_does_not_match_the_matrix_is_refused(tmp_path: Path, small: Path) -> None:
    at = small.read_bytes().index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 8
    path = gguf_models.corrupt(tmp_path / "x.gguf", small, at=at, value=struct.pack("<Q", 2))
    path.write_bytes(path.read_bytes() + bytes(1024))
    assert "do not match the embedding matrix" in _title(path)


def _header_or_model_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.gguf"
        path.write_bytes(content)
        with contextlib.suppress(ModelError):
            assert isinstance(read_header(path), Header)


@given(st.binary(max_size=600), st.booleans())
@settings(max_examples=100, deadline=None)
def test_random_bytes_give_a_header_or_a_model_error(content: bytes, with_magic: bool) -> None:
    _header_or_model_error((b"GGUF\x03\0\0\0" if with_magic else b"") + content)


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_mutated_headers_give_a_header_or_a_model_error(small: Path, data: st.DataObject) -> None:
    content = bytearray(small.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(content) - 1))
        value = data.draw(
            st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 8, b"\0" * 8]))
        )
        content[at : at + len(value)] = value
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    _header_or_model_error(bytes(content[:end]))


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(1_800)
def test_a_hundred_thousand_damaged_headers_give_a_header_or_a_model_error(
    small: Path, tmp_path: Path
) -> None:
    chance = random.Random(3)
    whole = small.read_bytes()
    path = tmp_path / "fuzz.gguf"
    for _ in range(100_000):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(content))
            width = chance.choice((1, 2, 4, 8))
            content[at : at + width] = chance.choice(
                (chance.randbytes(width), b"\xff" * width, b"\0" * width, b"\x7f" + b"\xff" * (width - 1))
            )
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        path.write_bytes(content)
        with contextlib.suppress(ModelError):
            assert isinstance(read_header(path), Header)
