"""PostgreSQL's TLS in front of a server that has none: answers the request for it, then passes bytes on.

The embedded server is built without TLS; what a client must do is the same.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

CERTIFICATE = Path(__file__).parents[1] / "llm" / "localhost.pem"
_SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])


@asynccontextmanager
async def tls_front(socket_path: Path, *, offers: bool = True) -> AsyncIterator[int]:
    """Listens on loopback while inside; yields the port.

    Args:
        offers: False refuses the request, as a server without TLS does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, ConnectionError):
            first = await reader.readexactly(8)
            if first == _SSL_REQUEST:
                writer.write(b"S" if offers else b"N")
                await writer.drain()
                if offers:
                    await writer.start_tls(context)
                first = b""
            behind, before = await asyncio.open_unix_connection(socket_path)
            before.write(first)
            passing = [
                asyncio.ensure_future(_pass(reader, before)),
                asyncio.ensure_future(_pass(behind, writer)),
            ]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for each in passing:
                each.cancel()
            before.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
