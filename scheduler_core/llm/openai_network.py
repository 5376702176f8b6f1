"""Connections that go to a checked address and nowhere else.

The name is looked up once a connection, judged, and the connection is made to the very address that was
judged; TLS and the Host header still carry the name. Proxies are not asked, whatever the environment says.
Imported only when a request is made, because the HTTP library costs 50 ms.
"""

import ipaddress
import os
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import certifi
import httpcore

from scheduler_core.errors import ModelError

IDLE_SECONDS = 30.0

CheckedAddresses = Callable[[], Awaitable[Sequence[str]]]


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Makes connections for one server.

    Args:
        addresses: asked for every connection; raises where none may be made.
    """

    def __init__(self, addresses: CheckedAddresses) -> None:
        self._addresses = addresses
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,  # looked up by `addresses` instead
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        trouble: Exception | None = None
        for address in await self._addresses():
            try:
                stream = await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
                continue
            await _require_peer(stream, address)
            return stream
        raise trouble or httpcore.ConnectError("no address")


def connection_pool(addresses: CheckedAddresses, *, tls: bool) -> httpcore.AsyncConnectionPool:
    """One connection at a time, kept for a while between requests."""
    return httpcore.AsyncConnectionPool(
        ssl_context=_trusted() if tls else None,
        max_connections=1,
        keepalive_expiry=IDLE_SECONDS,
        network_backend=CheckedBackend(addresses),
    )


async def _require_peer(stream: httpcore.AsyncNetworkStream, address: str) -> None:
    peer = stream.get_extra_info("server_addr")
    if ipaddress.ip_address(str(peer[0])) != ipaddress.ip_address(address):
        await stream.aclose()
        raise ModelError("The connection to the model server did not reach the address it was made to.")


def _trusted() -> ssl.SSLContext:
    """The system's authorities and the usual ones; only those of `SSL_CERT_FILE` and `_DIR` where set."""
    context = ssl.create_default_context()
    if not os.environ.get("SSL_CERT_FILE") and not os.environ.get("SSL_CERT_DIR"):
        context.load_verify_locations(certifi.where())
    return context
