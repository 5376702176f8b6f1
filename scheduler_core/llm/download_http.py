"""HTTP as a download sees it: redirects that stay within the rules, and failures in one sentence each.

Only http and https, never from https back to http, never compressed. It knows nothing of files.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from scheduler_core.errors import ModelError, NotFoundError

# Imported where it is used: it brings a command line of its own, which a library need not load.
if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 15.0
MOST_REDIRECTS = 10

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")


class BrokenOffError(Exception):
    """The connection failed in a way that another try may cure."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Wire:
    """A client for one download.

    Args:
        read_seconds: how long a server may send nothing.

    Attributes:
        was_answered: whether a server has answered at all.
    """

    def __init__(self, *, read_seconds: float = 30.0) -> None:
        import httpx

        self._read_seconds = read_seconds
        self.was_answered = False
        timeout = httpx.Timeout(CONNECT_SECONDS, read=read_seconds)
        self._client = httpx.Client(timeout=timeout, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @contextmanager
    def get(self, url: str, headers: dict[str, str]) -> Iterator["httpx.Response"]:
        """The answer after all redirects, its body still to be read.

        Raises:
            BrokenOffError: another try may help.
            ModelError: it will not.
        """
        response = self._after_redirects(url, {"Accept-Encoding": "identity"} | headers)
        try:
            yield response
        finally:
            response.close()

    def blocks(self, response: "httpx.Response") -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            BrokenOffError: it ended early.
            ModelError: it is compressed, although that was ruled out.
        """
        import httpx

        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise ModelError(f"{_host(response.url)} sent the file compressed, which was not asked for.")
        try:
            yield from response.iter_raw()
        except httpx.HTTPError as error:
            raise self._failure(error, response.url) from error

    def _after_redirects(self, url: str, headers: dict[str, str]) -> "httpx.Response":
        import httpx

        try:
            request = self._client.build_request("GET", url, headers=headers)
        except httpx.InvalidURL:
            raise ModelError("That address cannot be understood.") from None
        for _ in range(MOST_REDIRECTS + 1):
            try:
                response = self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise self._failure(error, request.url) from error
            self.was_answered = True
            if response.next_request is None:
                return response
            response.close()
            request = _permitted(response.next_request, request)
        raise ModelError(f"{_host(request.url)} sends from one address to the next without end.")

    def _failure(self, error: "httpx.HTTPError", url: "httpx.URL") -> Exception:
        import httpx

        host = _host(url)
        causes = _causes(error)
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return ModelError(f"The host {host} is not known.", "Check the address and the network.")
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return ModelError(
                f"{host} cannot be trusted: its certificate does not fit or cannot be checked.",
                "Check the address, the clock and the network.",
            )
        if isinstance(error, httpx.UnsupportedProtocol | httpx.ProxyError):
            return ModelError(f"{host} cannot be reached that way ({type(error).__name__}).")
        if isinstance(error, httpx.TimeoutException):
            return BrokenOffError(f"{host} sent nothing for {self._read_seconds:g} seconds.")
        if isinstance(error, httpx.ConnectError):
            return BrokenOffError(f"{host} cannot be reached.")
        return BrokenOffError(f"The connection to {host} broke off.")


def refuse_status(response: "httpx.Response") -> NoReturn:
    """Turns an answer without the file into a sentence.

    Raises:
        BrokenOffError: the server is busy.
        ModelError, NotFoundError: another try will not help.
    """
    status, host = response.status_code, _host(response.url)
    if status in _BUSY:
        raise BrokenOffError(f"{host} is busy (status {status}).")
    if status in (404, 410):
        raise NotFoundError(f"{host} has no such file (status {status}).", "Check the name or the address.")
    if status in (401, 403, 407):
        raise ModelError(
            f"{host} does not let us have the file (status {status}).",
            "It may need an account; download it with a browser into the models folder.",
        )
    raise ModelError(f"{host} answered with status {status} instead of the file.")


def total_of(response: "httpx.Response") -> int | None:
    """Bytes of the whole file, as the answer says; None if it does not."""
    if response.status_code in (206, 416):
        return range_of(response)[1]
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None


def range_of(response: "httpx.Response") -> tuple[int | None, int | None]:
    """Where the range starts and how long the whole is; None for what is not said."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if found is None:
        return None, None
    start, _, total = found.groups()
    return (None if start is None else int(start)), (None if total == "*" else int(total))


def strong_validator(response: "httpx.Response") -> str:
    """What tells this content from another byte by byte: a strong ETag, else the date of change."""
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith('"'):
        return str(tag)
    return str(response.headers.get("Last-Modified", "")).strip()


def _permitted(following: "httpx.Request", before: "httpx.Request") -> "httpx.Request":
    if following.url.scheme not in ("http", "https") or not following.url.host:
        raise ModelError(f"{_host(before.url)} sends to an address that is not http or https.")
    if before.url.scheme == "https" and following.url.scheme == "http":
        raise ModelError(
            f"{_host(before.url)} sends from https to http, where anybody could change the file."
        )
    return following


def _host(url: "httpx.URL") -> str:
    """Without account, password and query."""
    return url.host or "the server"


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
