"""A web server of this machine that behaves as badly as a test asks for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Answer"], None]


class Answer(BaseHTTPRequestHandler):
    """One request on its way; behaviours use what is here."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        site = self.server.site
        site.requests.append((self.path, dict(self.headers.items())))
        behaviours = site.pages.get(self.path)
        if not behaviours:
            self.start(404, length=0)
            return
        # The last one stays.
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        behaviour(self)

    def start(self, status: int, *, length: int | None, **headers: str) -> None:
        """The head of an answer; without a length it lasts until the connection is closed."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()

    @property
    def range_start(self) -> int:
        wanted = self.headers.get("Range", "bytes=0-")
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Nothing: tests look at `requests`."""


@dataclass(slots=True)
class Site:
    """What the server has, and what it was asked.

    Attributes:
        pages: path to behaviours: the first for the first request, the last for all later ones.
        released: set at the end; behaviours that never answer wait for it.
    """

    address: str
    pages: dict[str, list[Behaviour]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, *behaviours: Behaviour) -> str:
        """Returns the page's address."""
        self.pages[path] = list(behaviours)
        return self.address + path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: Site

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are what is tested."""


@contextmanager
def serving() -> Iterator[Site]:
    with _Server(("127.0.0.1", 0), Answer) as server:
        server.site = Site(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.site
        finally:
            server.site.released.set()
            server.shutdown()
            thread.join()


def whole(content: bytes, *, etag: str = '"one"', **headers: str) -> Behaviour:
    """A server as it should be: ranges, and If-Range by its tag."""

    def answer(request: Answer) -> None:
        start = request.range_start
        condition = request.headers.get("If-Range")
        if "Range" not in request.headers or (condition is not None and condition != etag):
            request.start(200, length=len(content), ETag=etag, **headers)
            request.wfile.write(content)
        elif start >= len(content):
            request.start(416, length=0, Content_Range=f"bytes */{len(content)}")
        else:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            request.start(206, length=len(content) - start, ETag=etag, Content_Range=span, **headers)
            request.wfile.write(content[start:])

    return answer


def breaking(content: bytes, *, after: int, etag: str = '"one"') -> Behaviour:
    """Promises everything and hangs up after some bytes of what was asked for."""

    def answer(request: Answer) -> None:
        start = request.range_start
        headers = {"ETag": etag} if etag else {}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        request.start(206 if start else 200, length=len(content) - start, **headers)
        request.wfile.write(content[start : start + after])
        request.hang_up()

    return answer


def without_ranges(content: bytes, *, etag: str = '"one"') -> Behaviour:
    def answer(request: Answer) -> None:
        request.start(200, length=len(content), ETag=etag)
        request.wfile.write(content)

    return answer


def unmeasured(content: bytes) -> Behaviour:
    """Says no length."""

    def answer(request: Answer) -> None:
        request.start(200, length=None)
        request.wfile.write(content)

    return answer


def status(code: int, **headers: str) -> Behaviour:
    return lambda request: request.start(code, length=0, **headers)


def silent(site: Site, content: bytes = b"", *, length: int = 1000) -> Behaviour:
    """Sends some bytes and then nothing, without hanging up."""

    def answer(request: Answer) -> None:
        request.start(200, length=length, ETag='"one"')
        request.wfile.write(content)
        request.wfile.flush()
        site.released.wait(30)

    return answer
