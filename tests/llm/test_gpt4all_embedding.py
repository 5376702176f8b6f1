"""Vectors of the real gpt4all through the child process, and the choice of the file they are made with."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from scheduler_core.errors import ModelError
from scheduler_core.llm.gpt4all_embedding import Gpt4AllEmbedding
from scheduler_core.llm.local import LocalModels
from scheduler_core.llm.models import choose_embedding, discover, inspect
from scheduler_core.llm.provider import EmbeddingModel, Locality
from tests import gguf_models
from tests.llm.conftest import is_gone

MakeEmbedding = Callable[..., Gpt4AllEmbedding]


@pytest.fixture(scope="session")
def embedding(models_dir: Path) -> Path:
    return gguf_models.embedding(models_dir / "embedding.gguf")


@pytest.fixture
async def make_embedding(tmp_path: Path) -> AsyncIterator[MakeEmbedding]:
    opened: list[Gpt4AllEmbedding] = []

    def make(path: Path, **options: Any) -> Gpt4AllEmbedding:
        defaults: dict[str, Any] = {
            "state_dir": tmp_path / "state",
            "threads": 1,
            "context_tokens": 512,
            "load_timeout": 30.0,
            "idle_seconds": 0.0,
        }
        model = Gpt4AllEmbedding(inspect(path), **(defaults | options))
        opened.append(model)
        return model

    yield make
    for model in opened:
        await model.aclose()


def cosine(one: "list[float] | tuple[float, ...]", other: "list[float] | tuple[float, ...]") -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_each_text_gets_a_vector_of_length_one_in_its_order(
    make_embedding: MakeEmbedding, embedding: Path
) -> None:
    model: EmbeddingModel = make_embedding(embedding)
    texts = [f"{'abcdefgh'[index % 8]} {index}" for index in range(20)]
    vectors = await model.embed(texts, timeout=30)
    assert [len(vector) for vector in vectors] == [64] * 20
    assert all(math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-9) for vector in vectors)
    alone = [(await model.embed([text], timeout=30))[0] for text in (texts[0], texts[13])]
    assert alone[0] == pytest.approx(vectors[0], abs=1e-6)
    assert alone[1] == pytest.approx(vectors[13], abs=1e-6)


async def test_texts_of_the_same_letters_are_near(make_embedding: MakeEmbedding, embedding: Path) -> None:
    first, near, far = await make_embedding(embedding).embed(
        ["a cat sat down", "the cat sat down", "zyx qqq 999"], timeout=30
    )
    assert cosine(tuple(first), tuple(near)) > cosine(tuple(first), tuple(far)) + 0.2


async def test_odd_and_long_texts_are_embedded(make_embedding: MakeEmbedding, embedding: Path) -> None:
    texts = ["", " ", "a\0b", "\ud800", "日本 🙂", "long " * 2000, "{0} %1 %s"]
    vectors = await make_embedding(embedding).embed(texts, timeout=30)
    assert len(vectors) == len(texts)


async def test_no_texts_need_no_process(make_embedding: MakeEmbedding, embedding: Path) -> None:
    model = make_embedding(embedding)
    assert await model.embed([], timeout=30) == ()
    assert model.process_id is None


async def test_a_model_that_gpt4all_does_not_know_by_name_is_used_without_a_prefix(
    make_embedding: MakeEmbedding, tmp_path: Path
) -> None:
    model = make_embedding(gguf_models.embedding(tmp_path / "own.gguf", name="My Own"))
    [vector] = await model.embed(["a"], timeout=30)
    assert len(vector) == 64


async def test_info_names_the_file_its_checksum_and_the_length_of_its_vectors(
    make_embedding: MakeEmbedding, embedding: Path
) -> None:
    info = await make_embedding(embedding).prepare()
    assert (info.name, info.provider, info.locality) == ("embedding", "gpt4all", Locality.LOCAL)
    assert info.checksum.startswith("sha256:")
    assert info.dimensions == 64


async def test_a_truncated_file_is_refused_without_a_process(
    make_embedding: MakeEmbedding, embedding: Path, tmp_path: Path
) -> None:
    """Embed4All itself would end the process with a segmentation fault."""
    path = gguf_models.truncated(tmp_path / "cut.gguf", embedding, missing=0)
    model = make_embedding(path)
    gguf_models.truncated(path, embedding, missing=500)
    with pytest.raises(ModelError, match="500 bytes missing"):
        await model.embed(["a"], timeout=30)
    assert model.process_id is None


async def test_a_crash_is_an_error_and_the_second_sets_the_model_aside(
    make_embedding: MakeEmbedding, embedding: Path
) -> None:
    model = make_embedding(embedding)
    for _ in range(2):
        await model.embed(["a"], timeout=30)
        assert model.process_id is not None
        task = asyncio.ensure_future(model.embed(["long " * 1000] * 500, timeout=30))
        await asyncio.sleep(0)
        os.kill(model.process_id, signal.SIGSEGV)
        with pytest.raises(ModelError, match="SIGSEGV"):
            await task
    with pytest.raises(ModelError, match="set aside"):
        await model.embed(["a"], timeout=30)


async def test_cancelling_takes_less_than_a_second(make_embedding: MakeEmbedding, embedding: Path) -> None:
    model = make_embedding(embedding)
    await model.embed(["a"], timeout=30)
    task = asyncio.ensure_future(model.embed(["long " * 1000] * 500, timeout=60))
    done, _ = await asyncio.wait({task}, timeout=0.2)
    assert not done
    loop = asyncio.get_running_loop()
    started = loop.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() - started < 1
    assert len(await model.embed(["a"], timeout=30)) == 1


async def test_too_little_time_is_an_error(make_embedding: MakeEmbedding, embedding: Path) -> None:
    model = make_embedding(embedding)
    await model.embed(["a"], timeout=30)
    with pytest.raises(ModelError, match=r"within 0\.1 seconds"):
        await model.embed(["long " * 1000] * 500, timeout=0.1)


async def test_an_idle_model_is_unloaded(make_embedding: MakeEmbedding, embedding: Path) -> None:
    model = make_embedding(embedding, idle_seconds=0.05)
    await model.embed(["a"], timeout=30)
    assert model.process_id is not None
    assert await asyncio.to_thread(is_gone, model.process_id)


def test_the_embedding_model_is_chosen_among_those_that_make_embeddings(tmp_path: Path) -> None:
    assert choose_embedding(()) is None
    gguf_models.scripted(tmp_path / "text.gguf", {None: "x"})
    assert choose_embedding(discover([tmp_path], memory_bytes=10**12)) is None
    gguf_models.embedding(tmp_path / "b.gguf")
    gguf_models.embedding(tmp_path / "a.gguf")
    files = discover([tmp_path], memory_bytes=10**12)
    by_itself = choose_embedding(files)
    wanted = choose_embedding(files, wanted="b")
    assert by_itself is not None
    assert wanted is not None
    assert (by_itself.name, wanted.name) == ("a", "b")
    assert choose_embedding(discover([tmp_path], memory_bytes=1000)) is None
    for name in ("text", "gone"):
        with pytest.raises(ModelError):
            choose_embedding(files, wanted=name)


async def test_local_models_keep_an_embedder_while_it_is_the_choice(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    models = LocalModels(
        folders=[folder],
        wanted="",
        state_dir=tmp_path / "state",
        threads=1,
        context_tokens=512,
        load_timeout=30,
        idle_seconds=0,
        memory=lambda: 10**12,
    )
    try:
        assert await models.embedder() is None
        gguf_models.embedding(folder / "b.gguf")
        first = await models.embedder()
        assert first is not None
        assert await models.embedder() is first
        assert not models.process_ids
        await first.embed(["a"], timeout=30)
        process_id = first.process_id
        assert models.process_ids == (process_id,)
        gguf_models.embedding(folder / "a.gguf")
        second = await models.embedder()
        assert second is not None
        assert second.info.name == "a"
        assert process_id is not None
        assert await asyncio.to_thread(is_gone, process_id)
        assert await models.current() is None
    finally:
        await models.aclose()
