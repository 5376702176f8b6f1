"""The provider for OpenAI-compatible servers, against a server that behaves and misbehaves like real ones."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from scheduler_core.errors import ConfigError
from scheduler_core.llm.endpoint import Endpoint
from scheduler_core.llm.openai import OpenAiModel
from scheduler_core.llm.openai_client import OpenAiClient, RetryPolicy
from scheduler_core.llm.provider import Completion, FinishReason, Locality, Request
from tests.llm.conftest import request
from tests.llm.model_server import (
    CHAT,
    DONE,
    Act,
    ModelServer,
    endless,
    error,
    event,
    hang_up,
    model_server,
    reply,
    says,
    silence,
    stream,
    usage,
)

CERTIFICATE = Path(__file__).parent / "localhost.pem"
KEY = "sk-canary-of-the-key"
SECRET_TEXT = "Ada keeps bees in Dresden."
QUICK = RetryPolicy(base=0.01, longest=0.02)

MakeModel = Callable[..., OpenAiModel]


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server() as running:
        yield running


@pytest.fixture
async def make_model(server: ModelServer) -> AsyncIterator[MakeModel]:
    """Opens models of the server and closes them after the test."""
    opened: list[OpenAiModel] = []

    def make(
        url: str = "", *, key: str = KEY, retries: RetryPolicy = QUICK, context: int = 4096
    ) -> OpenAiModel:
        client = OpenAiClient(
            Endpoint.parse(url or f"http://127.0.0.1:{server.port}/v1"),
            allowed=Locality.LOCAL,
            key=SecretStr(key),
            retries=retries,
        )
        model = OpenAiModel(client, name="tiny", locality=Locality.LOCAL, context_tokens=context)
        opened.append(model)
        return model

    yield make
    for model in opened:
        await model.aclose()


@pytest.fixture
def model(make_model: MakeModel) -> OpenAiModel:
    return make_model()


async def answer(model: OpenAiModel, **options: Any) -> Completion:
    return await model.complete(request(SECRET_TEXT, **options))


async def test_an_answer_is_streamed_counted_and_identified(server: ModelServer, model: OpenAiModel) -> None:
    server.on(CHAT, says("Grüezi, ", "Zür", "ich 🙂"))
    shown: list[str] = []
    done = await model.complete(request(SECRET_TEXT, system="Greet.", max_tokens=50), on_token=shown.append)
    assert (done.text, done.finish, done.detail) == ("Grüezi, Zürich 🙂", FinishReason.STOP, "")
    assert shown == ["Grüezi, ", "Zür", "ich 🙂"]
    assert (done.tokens_in, done.tokens_out) == (11, 7)
    assert done.seconds > 0
    assert (model.info.name, model.info.provider, model.info.locality) == ("tiny", "openai", Locality.LOCAL)
    [heard] = server.heard
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert heard.headers["host"] == f"127.0.0.1:{server.port}"
    assert heard.body == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Greet."}, {"role": "user", "content": SECRET_TEXT}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
        "temperature": 0.0,
    }


async def test_without_a_key_none_is_sent(server: ModelServer, make_model: MakeModel) -> None:
    server.on(CHAT, says("x"))
    await answer(make_model(key=""))
    assert "authorization" not in server.heard[0].headers


async def test_a_server_that_does_not_stream_is_understood(server: ModelServer, model: OpenAiModel) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Whole."}, "finish_reason": "stop"}
    body = {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    server.on(CHAT, reply(json.dumps(body)))
    done = await answer(model)
    assert (done.text, done.finish, done.tokens_in, done.tokens_out) == ("Whole.", FinishReason.STOP, 3, 2)


async def test_tokens_are_estimated_where_the_server_does_not_count(
    server: ModelServer, model: OpenAiModel
) -> None:
    server.on(CHAT, says("twelve letters", counted=None))
    done = await answer(model)
    assert done.tokens_in == model.count_tokens("Answer.") + model.count_tokens(SECRET_TEXT)
    assert done.tokens_out == model.count_tokens("twelve letters")


@pytest.mark.parametrize(
    ("act", "finish", "words"),
    [
        pytest.param(says("cut", finish="length"), FinishReason.LENGTH, "limit of tokens", id="length"),
        pytest.param(says(" \n"), FinishReason.EMPTY, "empty", id="blank"),
        pytest.param(says("x", finish="content_filter"), FinishReason.ERROR, "content_filter", id="filter"),
        pytest.param(says("x", finish=f"{KEY}!"), FinishReason.ERROR, "another reason.", id="rubbish"),
        pytest.param(stream(event("x"), DONE), FinishReason.ERROR, "without saying why", id="no-reason"),
        pytest.param(stream(event("x")), FinishReason.ERROR, "without saying why", id="cut"),
        pytest.param(stream(b"data: {nonsense\n\n"), FinishReason.ERROR, "JSON", id="garbage-event"),
        pytest.param(stream(b'data: {"choices": 7}\n\n'), FinishReason.ERROR, "choices", id="wrong-shape"),
        pytest.param(reply("<html>hello</html>", kind="text/html"), FinishReason.ERROR, "JSON", id="html"),
        pytest.param(reply("\xff\x00{", kind="text/plain"), FinishReason.ERROR, "JSON", id="garbage"),
        pytest.param(reply("[]"), FinishReason.ERROR, "not a JSON object", id="list"),
        pytest.param(
            reply("{}", headers={"Content-Encoding": "gzip"}), FinishReason.ERROR, "compressed", id="gzip"
        ),
        pytest.param(error(401, message=f"wrong key {KEY}"), FinishReason.ERROR, "refused the key", id="401"),
        pytest.param(error(404, message=SECRET_TEXT), FinishReason.ERROR, "no such model", id="404"),
        pytest.param(
            error(400, type="exceed_context_size_error", n_prompt_tokens=9, n_ctx=8),
            FinishReason.OVERFLOW,
            "context",
            id="overflow-of-llama.cpp",
        ),
        pytest.param(
            error(400, code="context_length_exceeded", message=SECRET_TEXT),
            FinishReason.OVERFLOW,
            "context",
            id="overflow-of-openai",
        ),
        pytest.param(
            reply(
                json.dumps(
                    {"object": "error", "message": "This model's maximum context length is 8 tokens."}
                ),
                status=400,
            ),
            FinishReason.OVERFLOW,
            "context",
            id="overflow-of-vllm",
        ),
    ],
)
async def test_every_end_is_named_and_is_not_tried_again(
    server: ModelServer,
    model: OpenAiModel,
    caplog: pytest.LogCaptureFixture,
    act: Act,
    finish: FinishReason,
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on(CHAT, act)
    done = await answer(model)
    assert done.finish is finish
    assert words in done.detail
    assert len(server.heard) == 1
    for kept in (done.detail, caplog.text, repr(model), repr(model.info)):
        assert KEY not in kept
        assert SECRET_TEXT not in kept


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(error(429, code="rate_limit_exceeded"), id="429"),
        pytest.param(error(500), id="500"),
        pytest.param(error(503, message="Loading model", type="unavailable_error"), id="503"),
        pytest.param(reply("<html>bad gateway", status=502, kind="text/html"), id="502"),
        pytest.param(hang_up, id="reset"),
        pytest.param(stream(event("half "), reset=True), id="reset-mid-stream"),
        pytest.param(stream(event("half "), b'data: {"error": {"code": 500}}\n\n'), id="error-mid-stream"),
        pytest.param(stream(b"error: {}\n\n"), id="error-field"),
    ],
)
async def test_what_may_pass_is_tried_again_from_the_beginning(
    server: ModelServer, model: OpenAiModel, trouble: Act
) -> None:
    server.on(CHAT, trouble, trouble, says("whole"))
    done = await answer(model)
    assert (done.text, done.finish) == ("whole", FinishReason.STOP)
    assert len(server.heard) == 3


async def test_tries_are_counted_and_the_last_failure_is_told(
    server: ModelServer, model: OpenAiModel
) -> None:
    server.on(CHAT, error(500))
    done = await answer(model)
    assert (done.finish, done.detail) == (FinishReason.ERROR, "The server failed (status 500).")
    assert len(server.heard) == QUICK.tries


async def test_a_used_up_account_is_not_asked_again(server: ModelServer, model: OpenAiModel) -> None:
    server.on(CHAT, error(429, code="insufficient_quota"))
    assert "insufficient_quota" in (await answer(model)).detail
    assert len(server.heard) == 1


async def test_an_answer_that_was_shown_in_part_is_not_begun_again(
    server: ModelServer, model: OpenAiModel
) -> None:
    server.on(CHAT, stream(event("half "), reset=True), says("whole"))
    shown: list[str] = []
    done = await model.complete(request("x"), on_token=shown.append)
    assert (done.text, done.finish, shown) == ("half ", FinishReason.ERROR, ["half "])
    assert len(server.heard) == 1


async def test_a_pause_the_server_asks_for_is_kept(server: ModelServer, make_model: MakeModel) -> None:
    server.on(CHAT, error(429, headers={"Retry-After": "0.3"}), says("x"))
    started = time.monotonic()
    assert (await answer(make_model())).finish is FinishReason.STOP
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("wait", ["31", "Fri, 31 Dec 2099 23:59:59 GMT"])
async def test_a_pause_beyond_the_deadline_is_not_begun(
    server: ModelServer, model: OpenAiModel, wait: str
) -> None:
    server.on(CHAT, error(429, headers={"Retry-After": wait}))
    started = time.monotonic()
    done = await answer(model, timeout=30.0)
    assert (done.finish, done.detail) == (FinishReason.ERROR, "The server is busy (status 429).")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("wait", ["soon", "-1", "", "9" * 400])
async def test_a_pause_without_sense_is_replaced_by_our_own(
    server: ModelServer, model: OpenAiModel, wait: str
) -> None:
    server.on(CHAT, error(503, headers={"Retry-After": wait}), says("x"))
    assert (await answer(model)).finish is FinishReason.STOP


def test_pauses_grow_and_are_spread() -> None:
    least = RetryPolicy(base=0.5, longest=3, chance=lambda: 0.0)
    most = RetryPolicy(base=0.5, longest=3, chance=lambda: 1.0)
    assert [least.pause(failures) for failures in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 1.5]
    assert [most.pause(failures) for failures in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 3.0]


async def test_a_server_that_is_not_there_is_said_so(make_model: MakeModel, server: ModelServer) -> None:
    async with model_server() as gone:
        port = gone.port
    done = await answer(make_model(f"http://127.0.0.1:{port}/v1"))
    assert done.finish is FinishReason.ERROR
    assert done.detail == f"The model server 127.0.0.1:{port} cannot be reached."


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(silence, id="never-answers"),
        pytest.param(stream(*[event("drip ")] * 500, pause=0.02), id="slow-drip"),
        pytest.param(stream(event("one"), then_wait=True), id="stalls"),
    ],
)
async def test_the_deadline_ends_whatever_is_slow(server: ModelServer, model: OpenAiModel, act: Act) -> None:
    server.on(CHAT, act)
    started = time.monotonic()
    done = await answer(model, timeout=0.3)
    assert (done.finish, done.detail) == (FinishReason.TIMEOUT, "No full answer within 0.3 seconds.")
    assert time.monotonic() - started < 1.3
    async with asyncio.timeout(1):
        await server.left.wait()


@pytest.mark.parametrize("act", [silence, stream(event("one"), then_wait=True)])
async def test_a_cancelled_request_leaves_the_server_within_a_second(
    server: ModelServer, model: OpenAiModel, act: Act
) -> None:
    server.on(CHAT, act, says("next"))
    asking = asyncio.create_task(answer(model))
    await server.at_work.wait()
    asking.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.left.wait()
    assert (await answer(model)).text == "next"


async def test_closing_ends_a_request_with_a_cancelled_answer(
    server: ModelServer, model: OpenAiModel
) -> None:
    server.on(CHAT, stream(event("one"), then_wait=True))
    asking = asyncio.create_task(answer(model))
    await server.at_work.wait()
    async with asyncio.timeout(1):
        await model.aclose()
        done = await asking
        await server.left.wait()
    assert done.finish is FinishReason.CANCELLED
    assert (await answer(model)).detail == "The model is closed."


async def test_requests_wait_for_each_other(server: ModelServer, model: OpenAiModel) -> None:
    server.on(CHAT, stream(event("a"), event(finish="stop"), DONE, pause=0.05))
    done = await asyncio.gather(*(answer(model) for _ in range(3)))
    assert [one.text for one in done] == ["a"] * 3


@pytest.mark.parametrize(
    ("act", "finish"),
    [
        pytest.param(endless(b"x" * 65536), FinishReason.ERROR, id="body"),
        pytest.param(endless(b" " * 65536), FinishReason.ERROR, id="blanks"),
        pytest.param(stream(b"data: " + b"x" * 1_100_000), FinishReason.ERROR, id="line"),
        pytest.param(stream(*[event("word " * 100)] * 50), FinishReason.LENGTH, id="text"),
    ],
)
async def test_an_answer_beyond_all_measure_is_cut_off(
    server: ModelServer, model: OpenAiModel, act: Act, finish: FinishReason
) -> None:
    server.on(CHAT, act)
    done = await answer(model, max_tokens=20)
    assert done.finish is finish
    assert len(done.text) < 3000


async def test_a_redirect_is_not_followed_and_the_key_stays(server: ModelServer, model: OpenAiModel) -> None:
    async with model_server() as elsewhere:
        target = f"http://127.0.0.1:{elsewhere.port}/v1/chat/completions"
        server.on(CHAT, reply("", status=307, headers={"Location": target}))
        done = await answer(model)
        assert done.detail == "The server points elsewhere (status 307), which is not followed."
        assert elsewhere.heard == []


async def test_a_proxy_in_the_environment_is_not_asked(
    server: ModelServer, model: OpenAiModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with model_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        server.on(CHAT, says("direct"))
        assert (await answer(model)).text == "direct"
        assert proxy.connections == 0


async def test_a_request_that_may_not_fit_is_not_sent(server: ModelServer, make_model: MakeModel) -> None:
    done = await answer(make_model(context=200), max_tokens=190)
    assert done.finish is FinishReason.OVERFLOW
    assert server.heard == []


@pytest.mark.parametrize("by", ["param", "message"])
async def test_parameters_a_server_does_not_know_are_left_out_or_said_otherwise(
    server: ModelServer, model: OpenAiModel, by: str
) -> None:
    def refuses(name: str) -> Act:
        if by == "param":
            return error(400, code="unsupported_parameter", param=name)
        return error(400, message=f"Unsupported parameter: '{name}'")

    server.on(CHAT, refuses("max_tokens"), refuses("temperature"), refuses("stream_options"), says("x"))
    for _ in range(2):
        assert (await answer(model, max_tokens=50)).finish is FinishReason.STOP
    assert len(server.heard) == 5
    last = server.heard[-1].body
    assert last["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature", "stream_options"} & set(last)


async def test_an_answer_can_be_held_to_a_schema_where_the_server_offers_it(
    server: ModelServer, model: OpenAiModel
) -> None:
    schema = {"type": "object", "properties": {"keep": {"type": "array", "items": {"type": "integer"}}}}
    asked = Request(system="", user="x", max_tokens=9, timeout=9, answer_schema=schema)
    server.on(CHAT, says('{"keep": [1]}'), error(400, param="response_format"), says("1"))
    assert (await model.complete(asked)).text == '{"keep": [1]}'
    sent = server.heard[0].body["response_format"]
    assert (sent["type"], sent["json_schema"]["schema"]) == ("json_schema", schema)
    assert (await model.complete(asked)).text == "1"
    assert "response_format" not in server.heard[-1].body


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_a_certificate_nobody_vouches_for_is_refused(make_model: MakeModel) -> None:
    async with model_server(tls=server_side()) as server:
        done = await answer(make_model(f"https://localhost:{server.port}/v1"))
        assert done.detail == (
            f"The certificate of localhost:{server.port} is not trusted: self-signed certificate."
        )
        assert server.heard == []


async def test_a_certificate_of_ones_own_is_trusted_for_its_name_alone(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with model_server(tls=server_side()) as server:
        server.on(CHAT, says("safe"))
        assert (await answer(make_model(f"https://localhost:{server.port}/v1"))).text == "safe"
        assert server.heard[0].headers["host"] == f"localhost:{server.port}"
        done = await answer(make_model(f"https://127.0.0.1:{server.port}/v1"))
        assert "is not trusted: IP address mismatch" in done.detail
        assert len(server.heard) == 1


async def test_a_server_without_tls_is_said_so(server: ModelServer, make_model: MakeModel) -> None:
    done = await answer(make_model(f"https://127.0.0.1:{server.port}/v1"))
    assert done.finish is FinishReason.ERROR
    assert "TLS" in done.detail


def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(make_model: MakeModel) -> None:
    with pytest.raises(ConfigError) as caught:
        make_model(key=f"{KEY}\r\nX: y")
    assert KEY not in str(caught.value)


async def test_usage_before_the_end_of_a_broken_stream_counts(
    server: ModelServer, model: OpenAiModel
) -> None:
    whole = stream(event("told"), event(finish="stop"), usage(5, 1), DONE, reset=True)
    server.on(CHAT, whole)
    done = await answer(model)
    assert (done.text, done.finish, done.tokens_in) == ("told", FinishReason.STOP, 5)
    assert len(server.heard) == 1
