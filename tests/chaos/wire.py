"""A TCP proxy before a server's socket that can swallow what passes, as a broken network does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from scheduler_core.db.embedded.postmaster import SOCKET_NAME


class Wire:
    """One way to the server.

    Attributes:
        open: False swallows everything, and nobody is told: connections are half open.
        loses: says for which questions the server's answer is lost, with the connection.
    """

    def __init__(self, socket: Path, database_url: str) -> None:
        self.open = True
        self.loses: Callable[[bytes], bool] = lambda question: False
        self.lost = 0
        self._socket = socket
        self._target = urlsplit(database_url)
        self._port = 0

    @property
    def url(self) -> str:
        return (
            f"postgresql://{self._target.username}@127.0.0.1:{self._port}{self._target.path}?sslmode=disable"
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(
            lambda *ends: _Connection(self, *ends).run(self._socket), "127.0.0.1"
        )
        try:
            self._port = server.sockets[0].getsockname()[1]
            yield self
        finally:
            # Those who still hold a connection get an end of file when the loop closes.
            server.close()


class _Connection:
    """Both directions of one connection."""

    def __init__(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._wire = wire
        self._reader = reader
        self._writer = writer
        # A stream with a hole in it is of no use to anybody, so what broke once stays so.
        self._broken = False
        self._answer_is_lost = False

    async def run(self, socket: Path) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(str(socket))
        try:
            asking = asyncio.create_task(self._pass(self._reader, server_writer, self._ask))
            answering = asyncio.create_task(self._pass(server_reader, self._writer, self._answer))
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not self._broken:
                asking.cancel()
                answering.cancel()
            await asyncio.wait({asking, answering})
        finally:
            for end in (self._writer, server_writer):
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: Callable[[bytes], bool]
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if passes(data):
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass

    def _ask(self, data: bytes) -> bool:
        self._broken |= not self._wire.open
        self._answer_is_lost |= self._wire.loses(data)
        return not self._broken

    def _answer(self, data: bytes) -> bool:
        self._broken |= not self._wire.open
        if self._answer_is_lost:
            self._wire.lost += 1
            self._writer.transport.abort()
        return not (self._broken or self._answer_is_lost)


@asynccontextmanager
async def open_wire(database_url: str) -> AsyncIterator[Wire]:
    """A wire to the server of a URL with a socket folder."""
    folder = Path(parse_qs(urlsplit(database_url).query)["host"][0])
    async with Wire(folder / SOCKET_NAME, database_url).opened() as wire:
        yield wire
