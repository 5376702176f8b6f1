"""The web server behind `bawt-console serve`: one page, and a process for each window that shows it.

Whoever reaches it may do what the console may, so it answers only this machine, only under the machine's
own names, and only pages that it served itself: a page from elsewhere in the same browser, or a name that
somebody points at this machine, gets nothing. The page loads nothing from anywhere else.
"""

import asyncio
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"

_SESSION = "from bawt_console.serve.session import main; raise SystemExit(main())"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
        " font-src 'self'; img-src 'self' data:; connect-src 'self' ws:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ConsoleServer(Server):
    """Serves the console in attach mode.

    Args:
        port: on the loopback address.
        read_only: each window's database session refuses every change.
        say: told in one sentence once it answers.
    """

    def __init__(self, *, port: int, read_only: bool, say: Callable[[str], None]) -> None:
        command = [sys.executable, "-c", _SESSION, *(["--read-only"] if read_only else [])]
        super().__init__(
            f"exec {shlex.join(command)}",
            host=HOST,
            port=port,
            title="bawt-console",
            templates_path=Path(__file__).parent,
        )
        self._say = say
        self._names = {f"{name}:{port}" for name in (HOST, "localhost")}

    def initialize_logging(self) -> None:
        """Ours is set up already."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        # It does not listen yet, and nothing here is told when it does.
        self._saying = asyncio.create_task(self._say_once_it_answers(), name="say where it answers")

    async def _say_once_it_answers(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, self.port)
                break
            except OSError:
                await asyncio.sleep(0.02)
        writer.close()
        self._say(f"The console is at {self.public_url} for anybody on this machine. Ctrl-C ends it.")

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        origin = request.headers.get("Origin", "").removeprefix("http://")
        needs_origin = request.path == "/ws"
        if request.host not in self._names or ((origin or needs_origin) and origin not in self._names):
            raise web.HTTPForbidden(text="Only this machine's own page may ask.")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response
