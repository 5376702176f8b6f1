"""Sends requests to one OpenAI-compatible server, and tries again where that may help.

It follows no redirect, asks no proxy, keeps no cookie, takes no compressed body and reads no more than it
was told to. Neither the key nor anything that was sent or received is in an error or a log line.
"""

import asyncio
import random
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from scheduler_core.errors import ConfigError
from scheduler_core.llm.endpoint import Addresses, Endpoint, allowed_addresses, system_addresses
from scheduler_core.llm.openai_answer import CallError, refusal
from scheduler_core.llm.provider import Locality

if TYPE_CHECKING:
    import httpcore

CONNECT_SECONDS = 10.0
_ERROR_BYTES = 64 * 1024
_KEY = re.compile(r"[!-~]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a request is tried again.

    Attributes:
        tries: in all, the first included.
        base: seconds of the first pause; each further one is up to twice as long.
        longest: seconds of the longest pause that we choose ourselves.
        chance: a number from 0 to 1; spreads the pauses of clients that failed together.
    """

    tries: int = 4
    base: float = 0.5
    longest: float = 20.0
    chance: Callable[[], float] = random.random

    def pause(self, failures: int) -> float:
        """Seconds before the next try: exponential, and between half of that and all of it."""
        most = min(self.longest, self.base * 2.0 ** (failures - 1))
        return float(most * (0.5 + 0.5 * self.chance()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A successful answer whose body is still to be read.

    Attributes:
        body: in pieces as they come; raises CallError beyond the limit.
    """

    is_event_stream: bool
    body: AsyncIterator[bytes]

    async def whole(self) -> bytes:
        return b"".join([chunk async for chunk in self.body])


class OpenAiClient:
    """One server. Use it from one event loop; requests are made one after another.

    Args:
        allowed: LOCAL refuses to connect to another machine, whatever the name leads to by then.
        key: sent as a bearer token; may be empty.
        addresses: how names are looked up.

    Raises:
        ConfigError: the key cannot be sent.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        allowed: Locality,
        key: SecretStr,
        retries: RetryPolicy,
        addresses: Addresses = system_addresses,
    ) -> None:
        if not _KEY.fullmatch(key.get_secret_value()):
            raise ConfigError(
                "The key of the model server holds characters that cannot be sent.",
                "Correct LLM_BAWT_OPENAI_API_KEY.",
            )
        self._endpoint = endpoint
        self._allowed = allowed
        self._key = key
        self._retries = retries
        self._addresses = addresses
        self._pool: httpcore.AsyncConnectionPool | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    async def get(self, path: str, *, limit: int) -> bytes:
        """The body of `GET path`; `limit` is in bytes.

        Raises:
            CallError: there is no answer of status 200.
            ModelError: the server may not be connected to.
        """
        async with self.open("GET", path, b"", limit=limit) as reply:
            return await reply.whole()

    async def post(self, path: str, content: bytes, *, limit: int) -> bytes:
        """The body of `POST path` with JSON; as `get`."""
        async with self.open("POST", path, content, limit=limit) as reply:
            return await reply.whole()

    @asynccontextmanager
    async def open(self, method: str, path: str, content: bytes, *, limit: int) -> AsyncIterator[Reply]:
        """One request; leaving before the body's end closes the connection. As `get`."""
        import httpcore

        try:
            async with self._ready().stream(
                method,
                f"{self._endpoint.scheme}://{self._endpoint.label}{self._endpoint.path}{path}",
                headers=self._headers(has_body=method == "POST"),
                content=content,
                extensions={"timeout": {"connect": CONNECT_SECONDS}},
            ) as response:
                headers = {name.lower(): value for name, value in response.headers}
                if response.status != 200:
                    body = b"".join([chunk async for chunk in _bounded(response, _ERROR_BYTES, cut=True)])
                    raise refusal(response.status, body, wait=_retry_after(headers.get(b"retry-after", b"")))
                if headers.get(b"content-encoding", b"identity").lower() != b"identity":
                    raise CallError("The server compressed its answer, which was not asked for.")
                kind = headers.get(b"content-type", b"").lower()
                yield Reply(
                    is_event_stream=kind.startswith(b"text/event-stream"), body=_bounded(response, limit)
                )
        except httpcore.ConnectTimeout as error:
            raise self._unreachable("does not answer") from error
        except httpcore.ConnectError as error:
            raise self._connect_error(error) from error
        except (httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise CallError("The connection to the server broke.", retryable=True) from error
        except httpcore.RemoteProtocolError as error:
            raise CallError(
                "The server broke off its answer or does not speak HTTP.", retryable=True
            ) from error

    async def retrying(
        self, attempt: Callable[[], Awaitable[T]], *, deadline: float, most: int | None = None
    ) -> T:
        """Awaits `attempt()` again after errors that may pass.

        Args:
            deadline: on the loop's clock; a pause that would go beyond it is not begun.
            most: tries in all, where that is less than usual.

        Raises:
            CallError: the last one.
        """
        loop = asyncio.get_running_loop()
        tries = self._retries.tries if most is None else min(most, self._retries.tries)
        for failures in range(1, tries + 1):
            try:
                return await attempt()
            except CallError as error:
                pause = self._retries.pause(failures) if error.wait is None else error.wait
                out_of_time = loop.time() + pause >= deadline
                if not error.retryable or out_of_time or failures == tries:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last failure is raised")

    async def aclose(self) -> None:
        """Closes the connection, also one in use. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _ready(self) -> "httpcore.AsyncConnectionPool":
        if self._pool is None:
            from scheduler_core.llm.openai_network import connection_pool

            self._pool = connection_pool(
                lambda: allowed_addresses(self._endpoint, self._allowed, self._addresses),
                tls=self._endpoint.scheme == "https",
            )
        return self._pool

    def _headers(self, *, has_body: bool) -> list[tuple[str, str]]:
        headers = [
            ("Host", self._endpoint.authority),
            ("Accept", "application/json, text/event-stream"),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "bawt-console"),
        ]
        if has_body:
            headers.append(("Content-Type", "application/json"))
        if key := self._key.get_secret_value():
            headers.append(("Authorization", f"Bearer {key}"))
        return headers

    def _connect_error(self, error: Exception) -> CallError:
        trouble: BaseException | None = error
        while trouble is not None:
            if isinstance(trouble, ssl.SSLCertVerificationError):
                return CallError(
                    f"The certificate of {self._endpoint.label} is not trusted: {trouble.verify_message}."
                )
            if isinstance(trouble, ssl.SSLError):
                return CallError(f"No TLS connection with {self._endpoint.label} is possible.")
            trouble = trouble.__cause__ or trouble.__context__
        return self._unreachable("cannot be reached")

    def _unreachable(self, what: str) -> CallError:
        return CallError(f"The model server {self._endpoint.label} {what}.", retryable=True)


async def _bounded(response: "httpcore.Response", limit: int, *, cut: bool = False) -> AsyncIterator[bytes]:
    """The body up to `limit` bytes; what is beyond is left unread with `cut`, and else an error."""
    read = 0
    async for chunk in response.aiter_stream():
        read += len(chunk)
        if read > limit:
            if cut:
                return
            raise CallError(f"The server's answer is longer than {limit:,} bytes.")
        yield chunk


def _retry_after(value: bytes) -> float | None:
    """Seconds from a `Retry-After` header: a number or a date (RFC 9110, 10.2.3); None without sense."""
    text = value.decode("latin-1").strip()
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
