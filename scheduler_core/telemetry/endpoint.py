"""Answers `GET /metrics` and `GET /health` over HTTP, on a thread of its own, from what was read before.

It asks nobody anything, so a slow database makes no scrape wait and many scrapes make no database slow. It
has no authentication and no encryption, which is why it listens on loopback unless told otherwise.
"""

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scheduler_core.errors import ConfigError

log = logging.getLogger(__name__)

# (status, content type, body) for a path; None for a path that does not exist.
Answer = tuple[HTTPStatus, str, bytes]
Answers = Callable[[str], Answer | None]

READ_SECONDS = 5.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    answers: Answers


class _Handler(BaseHTTPRequestHandler):
    """One connection; whoever sends nothing is let go."""

    server: _Server
    timeout = READ_SECONDS
    server_version = "bawt"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, kind, body = self.server.answers(path) or (
            HTTPStatus.NOT_FOUND,
            "text/plain; charset=utf-8",
            b"There are /metrics and /health.\n",
        )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with contextlib.suppress(OSError):
            # Whoever asked has gone.
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        log.debug("Asked for %s", self.path[:200] if hasattr(self, "path") else "nothing")


@contextmanager
def listening(host: str, port: int, answers: Answers) -> Iterator[int]:
    """Listens while inside; yields the port, which the system chooses for 0.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise ConfigError(
            f"The metrics cannot be served at {host}:{port}: {error.strerror or 'no such address'}.",
            "Choose another LLM_BAWT_METRICS_PORT, or leave it out for none.",
        ) from None
    server.answers = answers
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True, args=(0.1,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def json_answer(status: HTTPStatus, value: object) -> Answer:
    return status, "application/json", json.dumps(value).encode() + b"\n"
