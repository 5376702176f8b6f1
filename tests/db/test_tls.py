"""Encrypted connections, as the options of the URL ask for them."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from scheduler_core.db.connect import Address, connect
from scheduler_core.errors import DatabaseUnreachableError
from tests.db.tls_front import CERTIFICATE, tls_front


def socket_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"


def through(url: str, port: int, options: str) -> Address:
    parts = urlsplit(url)
    return Address.parse(f"postgresql://{parts.username}@localhost:{port}{parts.path}?{options}")


async def answer(address: Address) -> int:
    connection = await connect(address, application="tests")
    try:
        found: int = await connection.fetchval("SELECT 1")
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "options",
    ["sslmode=require", "sslmode=prefer", f"sslmode=verify-full&sslrootcert={CERTIFICATE}"],
    ids=["require", "prefer", "verify-full"],
)
async def test_a_server_that_can_is_spoken_to_encrypted(database_url: str, options: str) -> None:
    async with tls_front(socket_of(database_url)) as port:
        assert await answer(through(database_url, port, options)) == 1


async def test_a_certificate_nobody_vouches_for_is_refused(database_url: str, tmp_path: Path) -> None:
    # An authority of somebody else's: the system's own would do, but not every system has one.
    async with tls_front(socket_of(database_url)) as port:
        with pytest.raises(DatabaseUnreachableError):
            await answer(through(database_url, port, "sslmode=verify-full&sslrootcert=/dev/null"))


@pytest.mark.parametrize("mode", ["require", "verify-full"])
async def test_what_must_be_encrypted_is_not_said_in_the_clear(database_url: str, mode: str) -> None:
    async with tls_front(socket_of(database_url), offers=False) as port:
        options = f"sslmode={mode}&sslrootcert={CERTIFICATE}"
        with pytest.raises(DatabaseUnreachableError):
            await answer(through(database_url, port, options))
