"""A console in a pseudo-terminal, attached to the measured database, and the keys a person would press."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ROWS, COLUMNS = 40, 120
PATIENCE_SECONDS = 60.0
BLOCK = 65_536


class Keyboard:
    """The far side of the terminal. What the console paints is read away at once and only searched."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._painted = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def press(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    async def seen(self, words: str) -> None:
        """Waits until the words were painted since the last call; they must stand in one style.

        Raises:
            TimeoutError: they were not.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while words.encode() not in self._painted:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise TimeoutError(f"The console did not paint {words!r} in {PATIENCE_SECONDS:g} s.") from None
        self._painted = b""

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        # The terminal is gone with the process.
        with suppress(OSError):
            self._painted = (self._painted + os.read(self._descriptor, BLOCK))[-BLOCK:]
        self._more.set()


@asynccontextmanager
async def console(url: str, directory: Path) -> AsyncIterator[Keyboard]:
    """Starts `bawt-console --attach` on the database; `directory` takes the place of a home."""
    controller, near = pty.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLM_BAWT_")}
    environment |= {
        "TERM": "xterm-256color",
        "HOME": str(directory),
        "LLM_BAWT_DATABASE_URL": url,
        "LLM_BAWT_DATA_DIR": str(directory),
    }
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from bawt_console.cli import main; main()", "--attach"),
        stdin=near,
        stdout=near,
        stderr=near,
        env=environment,
        start_new_session=True,
    )
    os.close(near)
    keyboard = Keyboard(controller)
    try:
        yield keyboard
    finally:
        program.kill()
        await program.wait()
        keyboard.close()
