"""Embeddings from an OpenAI-compatible server."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from scheduler_core.errors import ModelError
from scheduler_core.llm.endpoint import Endpoint
from scheduler_core.llm.openai_client import OpenAiClient, RetryPolicy
from scheduler_core.llm.openai_embeddings import BATCH_TEXTS, OpenAiEmbeddings
from scheduler_core.llm.provider import Locality
from tests.llm.model_server import EMBEDDINGS, ModelServer, embeds, error, model_server, reply, silence


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server() as running:
        yield running


@pytest.fixture
async def embeddings(server: ModelServer) -> AsyncIterator[OpenAiEmbeddings]:
    client = OpenAiClient(
        Endpoint.parse(f"http://127.0.0.1:{server.port}"),
        allowed=Locality.LOCAL,
        key=SecretStr(""),
        retries=RetryPolicy(base=0.01),
    )
    opened = OpenAiEmbeddings(client, name="nomic", locality=Locality.LOCAL)
    yield opened
    await opened.aclose()


def of_length(text: str) -> list[float]:
    return [float(len(text)), 1.0, 2.0]


async def test_vectors_come_in_the_order_of_the_texts_in_batches(
    server: ModelServer, embeddings: OpenAiEmbeddings
) -> None:
    server.on(EMBEDDINGS, embeds(of_length))
    texts = ["x" * size for size in range(2 * BATCH_TEXTS + 5)]
    found = await embeddings.embed(texts, timeout=10)
    assert [len(heard.body["input"]) for heard in server.heard] == [BATCH_TEXTS, BATCH_TEXTS, 5]
    for text, vector in list(zip(texts, found, strict=True))[1:]:
        assert vector[0] / vector[1] == pytest.approx(len(text))
        assert math.hypot(*vector) == pytest.approx(1.0)


async def test_long_texts_make_smaller_batches(server: ModelServer, embeddings: OpenAiEmbeddings) -> None:
    server.on(EMBEDDINGS, embeds(of_length))
    assert len(await embeddings.embed(["x" * 60_000] * 3, timeout=10)) == 3
    assert len(server.heard) == 3


async def test_no_texts_need_no_server(server: ModelServer, embeddings: OpenAiEmbeddings) -> None:
    assert await embeddings.embed([], timeout=1) == []
    assert server.heard == []


async def test_the_length_of_vectors_is_learnt_once_and_kept(
    server: ModelServer, embeddings: OpenAiEmbeddings
) -> None:
    server.on(EMBEDDINGS, embeds(of_length))
    for _ in range(2):
        info = await embeddings.prepare(timeout=5)
    assert (info.name, info.provider, info.dimensions) == ("nomic", "openai", 3)
    assert len(server.heard) == 1
    server.on(EMBEDDINGS, embeds(lambda text: [1.0, 2.0]))
    with pytest.raises(ModelError, match="from 3 to 2"):
        await embeddings.embed(["x"], timeout=5)


async def test_a_busy_server_is_asked_again(server: ModelServer, embeddings: OpenAiEmbeddings) -> None:
    server.on(EMBEDDINGS, error(503), embeds(of_length))
    assert len(await embeddings.embed(["x"], timeout=5)) == 1


async def test_trouble_is_told_without_the_texts(server: ModelServer, embeddings: OpenAiEmbeddings) -> None:
    server.on(EMBEDDINGS, error(400, message="Ada keeps bees"), reply("x" * 20_000_000))
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            await embeddings.embed(["Ada keeps bees"], timeout=5)
        assert "bees" not in str(caught.value)


async def test_a_silent_server_is_left_in_time(server: ModelServer, embeddings: OpenAiEmbeddings) -> None:
    server.on(EMBEDDINGS, silence)
    with pytest.raises(ModelError, match=r"within 0\.2 seconds"):
        await embeddings.embed(["x"], timeout=0.2)
    async with asyncio.timeout(1):
        await server.left.wait()
