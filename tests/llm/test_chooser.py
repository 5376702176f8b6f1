"""Which model a run gets, and what is said about those that were passed over."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from scheduler_core.errors import ModelError
from scheduler_core.llm.chooser import ModelChooser, server_model
from scheduler_core.llm.endpoint import Endpoint
from scheduler_core.llm.local import LocalModels
from scheduler_core.llm.models import Verdict
from scheduler_core.llm.openai_client import RetryPolicy
from scheduler_core.llm.openai_server import OpenAiServer
from scheduler_core.llm.provider import Locality
from tests import gguf_models
from tests.llm.conftest import request
from tests.llm.model_server import (
    CHAT,
    EMBEDDINGS,
    MODELS,
    ModelServer,
    embeds,
    model_server,
    models,
    reply,
    says,
    silence,
)

ELSEWHERE = "203.0.113.7"

MakeServer = Callable[..., OpenAiServer]
MakeChooser = Callable[..., ModelChooser]


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server() as running:
        running.on(MODELS, models({"id": "tiny", "max_model_len": 2048}))
        running.on(CHAT, says("from the server"))
        running.on(EMBEDDINGS, embeds(lambda text: [1.0, float(len(text))]))
        yield running


@pytest.fixture
def make_server(server: ModelServer) -> MakeServer:
    """A server by a name whose addresses are given."""

    def make(
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        model: str = "",
        embedding: str = "",
        remote: bool = False,
    ) -> OpenAiServer:
        async def look_up(host: str, port: int) -> Sequence[str]:
            return addresses

        return OpenAiServer(
            Endpoint.parse(f"http://models.example:{server.port}/v1"),
            key=SecretStr("sk-canary"),
            model=model,
            embedding_model=embedding,
            allow_remote=remote,
            context_tokens=4096,
            retries=RetryPolicy(tries=2, base=0.01),
            addresses=look_up,
        )

    return make


@pytest.fixture
async def make_chooser(tmp_path: Path) -> AsyncIterator[MakeChooser]:
    opened: list[ModelChooser] = []

    def make(server: OpenAiServer | None, *, wanted: str = "", embedding: str = "") -> ModelChooser:
        local = LocalModels(
            folders=(tmp_path,),
            wanted="" if server_model(wanted) is not None else wanted,
            state_dir=tmp_path / "state",
            threads=1,
            context_tokens=4096,
            load_timeout=30,
            idle_seconds=0,
            memory=lambda: 10**12,
        )
        chooser = ModelChooser(local=local, server=server, wanted=wanted, wanted_embedding=embedding)
        opened.append(chooser)
        return chooser

    yield make
    for chooser in opened:
        await chooser.aclose()


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("openai:qwen3:8b", "qwen3:8b"), ("OpenAI: x ", "x"), ("openai:", ""), ("openai", None), ("", None)],
)
def test_a_model_of_the_server_is_named_with_a_prefix(wanted: str, name: str | None) -> None:
    assert server_model(wanted) == name


async def test_a_local_file_comes_before_the_server(
    tmp_path: Path, server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    gguf_models.scripted(tmp_path / "own.gguf", {None: "from the file"})
    chooser = make_chooser(make_server())
    model = await chooser.current()
    assert model is not None
    assert (model.info.provider, chooser.name) == ("gpt4all", "own local")
    assert server.heard == []


async def test_without_a_file_the_server_on_this_machine_is_taken(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    chooser = make_chooser(make_server())
    model = await chooser.current()
    assert model is not None
    assert (model.info.name, model.info.locality, model.info.context_tokens) == ("tiny", Locality.LOCAL, 2048)
    assert chooser.name == "tiny local"
    assert (await model.complete(request("x"))).text == "from the server"


async def test_a_file_that_cannot_be_used_gives_way_to_the_server_with_its_reason(
    tmp_path: Path, make_server: MakeServer, make_chooser: MakeChooser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    model = await make_chooser(make_server()).current()
    assert model is not None
    assert model.info.name == "tiny"
    assert "Model broken is passed over: " in caplog.text
    assert "The model tiny of the server is used; it is local." in caplog.text


async def test_a_server_elsewhere_is_passed_over_with_the_reason_and_hears_nothing(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser, caplog: pytest.LogCaptureFixture
) -> None:
    chooser = make_chooser(make_server(addresses=["127.0.0.1", ELSEWHERE]))
    assert await chooser.current() is None
    assert chooser.name is None
    assert f"its name leads to {ELSEWHERE}, and remote models are not allowed" in caplog.text
    assert "sk-canary" not in caplog.text
    assert server.connections == 0


async def test_a_server_elsewhere_is_used_and_recorded_as_remote_where_that_is_allowed(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser, caplog: pytest.LogCaptureFixture
) -> None:
    # The first address is tried first, so the test's own server can stand in for the far one.
    chooser = make_chooser(make_server(addresses=["127.0.0.1", ELSEWHERE], remote=True))
    model = await chooser.current()
    assert model is not None
    assert (model.info.locality, chooser.name) == (Locality.REMOTE, "tiny remote")
    assert "is not encrypted on its way" in caplog.text


async def test_a_model_that_was_local_never_goes_elsewhere_even_where_that_is_allowed(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    addresses = ["127.0.0.1"]
    chooser = make_chooser(make_server(addresses=addresses, remote=True))
    model = await chooser.current()
    assert model is not None
    assert model.info.locality is Locality.LOCAL
    addresses[:] = [ELSEWHERE]
    assert ELSEWHERE in (await model.complete(request("x"))).detail
    assert server.heard_at(CHAT) == []


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "kimi-k2:cloud", "x:cloud:8b"])
async def test_a_model_that_ollama_passes_on_counts_as_remote(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser, name: str
) -> None:
    server.on(MODELS, models(name))
    assert await make_chooser(make_server()).current() is None
    assert await make_chooser(make_server(model=name)).current() is None
    model = await make_chooser(make_server(remote=True)).current()
    assert model is not None
    assert model.info.locality is Locality.REMOTE
    with pytest.raises(ModelError, match="Ollama's cloud"):
        await make_chooser(make_server(), wanted=f"openai:{name}").current()


async def test_a_configured_model_of_the_server_comes_before_every_file(
    tmp_path: Path, server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    gguf_models.scripted(tmp_path / "own.gguf", {None: "from the file"})
    server.on(MODELS, models("tiny", "big:latest"))
    model = await make_chooser(make_server(model="tiny"), wanted="openai:big").current()
    assert model is not None
    assert model.info.name == "big:latest"
    model = await make_chooser(make_server(model="tiny"), wanted="openai:").current()
    assert model is not None
    assert model.info.name == "tiny"


async def test_a_configured_model_that_cannot_be_used_has_no_replacement(
    tmp_path: Path, server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    gguf_models.scripted(tmp_path / "own.gguf", {None: "from the file"})
    with pytest.raises(ModelError, match="none is configured"):
        await make_chooser(None, wanted="openai:big").current()
    with pytest.raises(ModelError, match=r"has no model big\. It offers: tiny\."):
        await make_chooser(make_server(), wanted="openai:big").current()
    with pytest.raises(ModelError, match="not on this machine"):
        await make_chooser(make_server(addresses=[ELSEWHERE]), wanted="openai:tiny").look()
    with pytest.raises(ModelError, match="was not found"):
        await make_chooser(make_server(), wanted="llama-99").current()


async def test_of_several_models_none_is_taken_unless_named(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(MODELS, models("a", "b"))
    assert await make_chooser(make_server()).current() is None
    assert "Set LLM_BAWT_OPENAI_MODEL to one of: a, b." in caplog.text
    model = await make_chooser(make_server(model="b")).current()
    assert model is not None
    assert model.info.name == "b"


async def test_a_server_without_a_list_is_used_if_its_model_is_named(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    server.on(MODELS, reply("", status=404))
    assert await make_chooser(make_server()).current() is None
    model = await make_chooser(make_server(model="named")).current()
    assert model is not None
    assert (model.info.name, model.info.context_tokens) == ("named", 4096)


async def test_a_server_that_is_down_is_taken_up_again_when_it_is_back(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    server.on(MODELS, reply("", status=500), reply("", status=500), models("tiny"))
    chooser = make_chooser(make_server())
    assert await chooser.current() is None
    assert await chooser.current() is not None
    assert chooser.name == "tiny local"


async def test_a_model_that_is_in_use_is_kept_while_it_is_the_choice(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    chooser = make_chooser(make_server())
    model = await chooser.current()
    assert model is not None
    server.on(MODELS, reply("", status=404))
    assert await chooser.current() is None
    assert (await model.complete(request("x"))).text == "from the server"
    server.on(MODELS, models({"id": "tiny", "max_model_len": 2048}))
    assert await chooser.current() is model
    server.on(MODELS, models("other"))
    other = await chooser.current()
    assert other is not None
    assert other.info.name == "other"
    assert (await model.complete(request("x"))).detail == "The model is closed."


async def test_looking_asks_no_server(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    server.on(MODELS, silence)
    chooser = make_chooser(make_server(model="tiny"))
    await chooser.look()
    assert chooser.name == "tiny local"
    assert server.connections == 0


async def test_the_server_is_a_line_of_the_list_of_models(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    assert await make_chooser(None).standing() is None
    line = await make_chooser(make_server()).standing()
    assert line is not None
    assert (line.name, line.locality, line.verdict) == ("tiny", Locality.LOCAL, Verdict.USABLE)
    assert (line.server, line.context_tokens) == (f"models.example:{server.port}", 2048)
    line = await make_chooser(make_server(addresses=[ELSEWHERE], model="m")).standing()
    assert line is not None
    assert (line.name, line.locality, line.verdict) == ("m", Locality.REMOTE, Verdict.REJECTED)
    assert "not on this machine" in line.reason


async def test_embeddings_come_from_the_server_where_no_file_makes_them(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    assert await make_chooser(make_server()).embedder() is None
    chooser = make_chooser(make_server(embedding="nomic"))
    model = await chooser.embedder()
    assert model is not None
    assert (model.info.name, model.info.locality, model.info.dimensions) == ("nomic", Locality.LOCAL, 2)
    assert await chooser.embedder() is model
    assert len(server.heard) == 1


async def test_embeddings_stay_here_too(
    server: ModelServer, make_server: MakeServer, make_chooser: MakeChooser
) -> None:
    addresses = ["127.0.0.1"]
    chooser = make_chooser(make_server(addresses=addresses, embedding="nomic"))
    model = await chooser.embedder()
    assert model is not None
    addresses[:] = [ELSEWHERE]
    with pytest.raises(ModelError, match="not on this machine"):
        await model.embed(["x"], timeout=5)
    assert await chooser.embedder() is None
    with pytest.raises(ModelError, match="not on this machine"):
        await make_chooser(make_server(addresses=addresses), embedding="openai:nomic").embedder()
    assert len(server.heard) == 1
