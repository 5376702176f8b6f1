"""Where a model server is, and that text goes nowhere else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from scheduler_core.errors import ConfigError, ModelError
from scheduler_core.llm.endpoint import (
    Addresses,
    Endpoint,
    RemoteRefusedError,
    allowed_addresses,
    is_loopback,
    locate,
    system_addresses,
)
from scheduler_core.llm.openai import OpenAiModel
from scheduler_core.llm.openai_client import OpenAiClient, RetryPolicy
from scheduler_core.llm.provider import FinishReason, Locality
from tests.llm.conftest import request
from tests.llm.model_server import CHAT, ModelServer, model_server, says

ELSEWHERE = "203.0.113.7"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server() as running:
        yield running


def book(*pages: Sequence[str]) -> Addresses:
    """A resolver that gives one page of addresses a look-up; the last one stays."""
    left = list(pages)

    async def look_up(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return look_up


def model_at(url: str, addresses: Addresses, *, allowed: Locality = Locality.LOCAL) -> OpenAiModel:
    client = OpenAiClient(
        Endpoint.parse(url),
        allowed=allowed,
        key=SecretStr("sk-canary"),
        retries=RetryPolicy(tries=2, base=0.01),
        addresses=addresses,
    )
    return OpenAiModel(client, name="tiny", locality=allowed, context_tokens=4096)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:11434/v1", ("http", "localhost", 11434, "/v1")),
        ("http://localhost:11434/v1/", ("http", "localhost", 11434, "/v1")),
        ("http://localhost:8080", ("http", "localhost", 8080, "/v1")),
        ("HTTPS://API.Example.org/deep/path", ("https", "api.example.org", 443, "/deep/path")),
        ("http://[::1]:8000/v1", ("http", "::1", 8000, "/v1")),
        ("http://127.0.0.1", ("http", "127.0.0.1", 80, "/v1")),
    ],
)
def test_an_address_is_read(url: str, expected: tuple[str, str, int, str]) -> None:
    endpoint = Endpoint.parse(url)
    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.path) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://",
        "http://a b/",
        "http://u:p@h/",
        "http://h:0",
        "http://h:65536",
        "ftp://h/",
        "http://h/v1?x=1",
        "http://h/v1#x",
        "http://[::1",
        "http://h/\n",
        "http://hübsch/",
        "http://\u212aelvin/",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="model server"):
        Endpoint.parse(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://h", "h"),
        ("https://h:443/v1", "h"),
        ("https://h:80", "h:80"),
        ("http://h:8080", "h:8080"),
        ("http://h:8080/", "h:8080"),
        ("http://[::1]", "[::1]"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_host_header_leaves_the_usual_port_out(url: str, authority: str) -> None:
    assert Endpoint.parse(url).authority == authority


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_these_addresses_are_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # Linux connects to itself for it, other systems do not
        "::",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
        "8.8.8.8",
        "2001:db8::1",
        "fd00::1",
        "localhost",
        "",
        "127.0.0.1.example.org",
    ],
)
def test_these_addresses_are_not(address: str) -> None:
    assert not is_loopback(address)


async def test_a_name_is_local_only_if_all_its_addresses_are() -> None:
    endpoint = Endpoint.parse("http://models.example:8080")
    assert (await locate(endpoint, book(["127.0.0.1", "::1"])))[0] is Locality.LOCAL
    assert (await locate(endpoint, book(["127.0.0.1", ELSEWHERE])))[0] is Locality.REMOTE
    with pytest.raises(RemoteRefusedError, match=ELSEWHERE):
        await allowed_addresses(endpoint, Locality.LOCAL, book(["127.0.0.1", ELSEWHERE]))
    assert await allowed_addresses(endpoint, Locality.REMOTE, book([ELSEWHERE])) == [ELSEWHERE]


@pytest.mark.parametrize("name", ["localhost", "127.1", "0x7f000001", "2130706433", "[::1]"])
async def test_other_spellings_of_this_machine_are_understood_by_their_address(name: str) -> None:
    endpoint = Endpoint.parse(f"http://{name}:1/v1")
    assert (await locate(endpoint, system_addresses))[0] is Locality.LOCAL


async def test_a_name_without_address_is_said_so() -> None:
    endpoint = Endpoint.parse("http://models.example:8080")

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for addresses in (unknown, book([])):
        with pytest.raises(ModelError, match=r"models\.example:8080 has no address"):
            await locate(endpoint, addresses)


async def test_a_name_that_leads_elsewhere_is_refused_with_one_sentence_and_nothing_is_sent() -> None:
    model = model_at("http://models.example:8080/v1", book([ELSEWHERE]))
    done = await model.complete(request("x"))
    assert done.finish is FinishReason.ERROR
    assert done.detail == (
        "The model server models.example:8080 is not on this machine: its name leads to 203.0.113.7, "
        "and remote models are not allowed."
    )
    await model.aclose()


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("203.0.113.7", "203.0.113.7:80 is not on this machine and remote models are not allowed. Name"),
        ("0.0.0.0", "its address on this machine is 127.0.0.1."),  # a common mistake
        ("[::]", "its address on this machine is 127.0.0.1."),
    ],
)
async def test_an_address_that_is_not_this_machine_is_refused_without_talk_of_names(
    host: str, words: str
) -> None:
    with pytest.raises(RemoteRefusedError) as caught:
        await allowed_addresses(Endpoint.parse(f"http://{host}"), Locality.LOCAL, system_addresses)
    assert words in str(caught.value)
    assert "its name" not in str(caught.value)


async def test_the_systems_own_answer_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with the resolver of the operating system replaced at the lowest place Python has."""
    asked = []

    def getaddrinfo(host: Any, port: Any, *more: Any, **named: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ELSEWHERE, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", _no_connection)
    monkeypatch.setattr(socket.socket, "connect_ex", _no_connection)
    model = model_at("http://localhost.example:8080/v1", system_addresses)
    assert ELSEWHERE in (await model.complete(request("x"))).detail
    assert set(asked) == {"localhost.example"}
    await model.aclose()


def _no_connection(self: socket.socket, address: object) -> None:
    raise AssertionError(f"a connection to {address} was begun")


async def test_a_name_that_is_local_first_and_elsewhere_later_is_refused_when_it_moves(
    server: ModelServer,
) -> None:
    server.on(CHAT, says("here"))
    model = model_at(f"http://models.example:{server.port}/v1", book(["127.0.0.1"], [ELSEWHERE]))
    assert (await model.complete(request("x"))).text == "here"
    done = await model.complete(request("x"))
    assert (done.finish, done.text) == (FinishReason.ERROR, "")
    assert ELSEWHERE in done.detail
    assert len(server.heard) == 1
    await model.aclose()


async def test_the_connection_goes_to_the_address_that_was_judged_and_carries_the_name(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked the name up a second time would get an error here."""
    server.on(CHAT, says("here"))
    looked_up: list[object] = []

    def getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
        looked_up.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    model = model_at(f"http://models.example:{server.port}/v1", book(["127.0.0.1"]))
    assert (await model.complete(request("x"))).text == "here"
    assert server.heard[0].headers["host"] == f"models.example:{server.port}"
    assert looked_up == []
    await model.aclose()


async def test_a_server_that_listens_on_ipv6_alone_is_reached() -> None:
    try:
        async with model_server(host="::1") as server:
            server.on(CHAT, says("here"))
            model = model_at(f"http://[::1]:{server.port}/v1", system_addresses)
            assert (await model.complete(request("x"))).text == "here"
            assert server.heard[0].headers["host"] == f"[::1]:{server.port}"
            await model.aclose()
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_an_address_that_does_not_answer_gives_way_to_the_next(server: ModelServer) -> None:
    server.on(CHAT, says("here"))
    model = model_at(f"http://localhost:{server.port}/v1", book(["127.0.0.9", "127.0.0.1"]))
    assert (await model.complete(request("x"))).text == "here"
    await model.aclose()


async def test_a_look_up_that_hangs_ends_with_the_request() -> None:
    async def hanging(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    model = model_at("http://models.example/v1", hanging)
    done = await model.complete(request("x", timeout=0.1))
    assert done.finish is FinishReason.TIMEOUT
    await model.aclose()
