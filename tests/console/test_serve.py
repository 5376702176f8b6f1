"""The console in a browser: what it refuses, and that a window shows and commands."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pyte
import pytest

from bawt_console.cli import run
from tests.console.browser import CHROMIUM, PATIENCE_SECONDS, Page, browser_at
from tests.ports import free_port


@pytest.fixture
async def address(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Where a server of the console answers."""
    with tempfile.TemporaryDirectory() as data_dir:
        async for answers_at in _served(database_url, tmp_path, data_dir):
            yield answers_at


async def _served(database_url: str, tmp_path: Path, data_dir: str) -> AsyncIterator[str]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from bawt_console.cli import main; main()"),
        *("serve", "--port", str(port)),
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ
        | {"LLM_BAWT_DATABASE_URL": database_url, "HOME": str(tmp_path), "LLM_BAWT_DATA_DIR": data_dir},
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        said = (await process.stderr.readline()).decode()
        assert f"http://127.0.0.1:{port}" in said
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_an_address_that_others_can_reach_is_refused_in_one_sentence(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--host", host]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "has no password" in line


def test_without_the_part_for_browsers_one_sentence_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "bawt_console.serve.server", raising=False)
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    assert run(["serve"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "pip install 'bawt-console[browser]'" in line


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port)]) == 2
    assert f"Port {port} is taken." in capsys.readouterr().err


async def test_only_its_own_page_may_command(address: str) -> None:
    own = address.removeprefix("http://")
    port = own.partition(":")[2]
    tries = [
        ("/", {}, 200),
        ("/", {"Host": f"localhost:{port}"}, 200),
        ("/", {"Host": f"evil.example:{port}"}, 403),
        ("/", {"Origin": "http://evil.example"}, 403),
        ("/ws", {}, 403),
        ("/ws", {"Origin": "http://evil.example"}, 403),
        ("/ws", {"Origin": "null"}, 403),
        ("/ws", {"Origin": f"https://{own}"}, 403),
    ]
    async with aiohttp.ClientSession() as session:
        for path, headers, status in tries:
            async with session.get(address + path, headers=headers) as answer:
                assert answer.status == status, (path, headers)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
async def test_a_browser_shows_the_jobs_and_nothing_comes_from_elsewhere(
    address: str, tmp_path: Path
) -> None:
    async with browser_at(address, tmp_path / "profile") as page:
        await shown(page, "profile_maintenance")
        assert "1 Jobs" in text_of(page)
        picture = await page.picture()
        (tmp_path / "console.png").write_bytes(picture)
        # A page on which nothing was drawn is a tenth of that.
        assert len(picture) > 30_000
        # The window takes keys, and the page asked nobody else for anything.
        await page.press("?")
        await shown(page, "Shows every run, newest first.")
        assert {url for url in page.requested if not url.startswith(("data:", "about:"))} == {
            url for url in page.requested if url.startswith((address, address.replace("http", "ws", 1)))
        }


def text_of(page: Page) -> str:
    """What the terminal in the page shows, from what it was sent."""
    screen = pyte.Screen(240, 70)
    pyte.ByteStream(screen).feed(page.received)
    return "\n".join(screen.display)


async def shown(page: Page, words: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while words not in text_of(page):
            # Each question also brings what was sent meanwhile.
            await page.value("1")
