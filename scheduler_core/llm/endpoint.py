"""Where a model server is, and whether that is this machine.

What counts is the address that is connected to, never the name: a name is looked up for every connection,
all its addresses are judged, and one of exactly these is used. This module opens no connection.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from scheduler_core.errors import ConfigError, ModelError
from scheduler_core.llm.provider import Locality

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DEFAULT_PATH = "/v1"
# Linux connects to itself for these, other systems do not.
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared with, not bound to

Addresses = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks a name up: every address it has, as text; OSError if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server's address.

    Attributes:
        scheme: `http` or `https`.
        host: a name or an address, without brackets.
        path: what every request's path begins with, without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """Reads `http://HOST[:PORT][/PATH]`; without a path it is `/v1`, as all known servers have it.

        Raises:
            ConfigError: it is not of that form; user names, queries and fragments are not accepted.
        """
        found = _URL.fullmatch(url)
        port = int(found["port"] or _DEFAULT_PORTS[found["scheme"].lower()]) if found else 0
        if found is None or not 1 <= port <= 65_535 or {"?", "#"} & set(found["path"] or ""):
            raise ConfigError(
                "The address of the model server is not of the form http://HOST:PORT/v1.",
                "Correct LLM_BAWT_OPENAI_BASE_URL.",
            )
        return cls(
            scheme=found["scheme"].lower(),
            host=found["host"].lower().strip("[]"),
            port=port,
            path=(found["path"] or "").rstrip("/") or _DEFAULT_PATH,
        )

    @property
    def label(self) -> str:
        """`HOST:PORT`, as messages name the server."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """What the Host header says: `label`, without the port where that is the usual one."""
        return self.label.removesuffix(f":{_DEFAULT_PORTS[self.scheme]}")


class RemoteRefusedError(ModelError):
    """The server is on another machine, and this was not allowed. Nothing was sent to it."""

    def __init__(self, endpoint: Endpoint, address: str) -> None:
        leads = "" if address == endpoint.host else f": its name leads to {address}"
        hint = "Name a server on this machine, or set LLM_BAWT_ALLOW_REMOTE_MODELS=true."
        if address in _EVERYWHERE:
            hint = f"{address} is what a server listens on; its address on this machine is 127.0.0.1."
        super().__init__(
            f"The model server {endpoint.label} is not on this machine{leads}{',' if leads else ''} "
            "and remote models are not allowed.",
            hint,
        )


async def system_addresses(host: str, port: int) -> Sequence[str]:
    """What the operating system says, in its order; an address is its own answer."""
    if _is_address(host):
        return (host,)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Whether packets to this address stay on this machine by its very form.

    An address of one of the machine's own network cards does not count, nor does 0.0.0.0.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


async def locate(endpoint: Endpoint, addresses: Addresses) -> tuple[Locality, Sequence[str]]:
    """Where the server is now: local only if every one of its addresses is.

    Raises:
        ModelError: the name has no address.
    """
    try:
        found = await addresses(endpoint.host, endpoint.port)
    except (OSError, UnicodeError):
        found = ()
    if not found:
        raise ModelError(
            f"The model server {endpoint.label} has no address.", "Check LLM_BAWT_OPENAI_BASE_URL."
        )
    local = all(map(is_loopback, found))
    return (Locality.LOCAL if local else Locality.REMOTE), found


async def allowed_addresses(endpoint: Endpoint, allowed: Locality, addresses: Addresses) -> Sequence[str]:
    """The addresses a connection may be made to now.

    Args:
        allowed: LOCAL refuses a server of which any address is elsewhere; REMOTE takes every one.

    Raises:
        RemoteRefusedError, ModelError: there is none.
    """
    locality, found = await locate(endpoint, addresses)
    if allowed is Locality.LOCAL and locality is Locality.REMOTE:
        raise RemoteRefusedError(endpoint, next(one for one in found if not is_loopback(one)))
    return found
