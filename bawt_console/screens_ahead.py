"""Makes the screens that nobody has visited yet, while nobody is at the keys.

To put one together takes a twentieth of a second, which a first visit then need not wait for. It asks no
database and shows nothing.
"""

import asyncio
from collections.abc import Callable

from textual.widget import AwaitMount

from bawt_console.modes import MODES

# Whoever types or holds a key down comes again sooner.
BETWEEN_KEYS_SECONDS = 0.25
ASK_SECONDS = 0.1


class ScreensAhead:
    """One screen after the other; at most one is half made.

    Args:
        make: begins the screen of a mode, or gives the one that is there.
        is_quiet: whether nobody has been at the keys for so many seconds.
    """

    def __init__(self, *, make: Callable[[str], AwaitMount], is_quiet: Callable[[float], bool]) -> None:
        self._make = make
        self._is_quiet = is_quiet
        self._making: AwaitMount | None = None
        self._is_over = False

    @property
    def is_making(self) -> bool:
        """Whether a screen is half made: it has no widgets yet to be asked for."""
        return self._making is not None

    async def run(self) -> None:
        """Makes all that are missing, or those until `end`."""
        for mode in MODES:
            while not self._is_quiet(BETWEEN_KEYS_SECONDS):  # noqa: ASYNC110 - nothing tells that time passes
                await asyncio.sleep(ASK_SECONDS)
            await self.made(mode.id)

    async def made(self, mode: str) -> None:
        """Returns once the screen of this mode is there; after `end` none is begun."""
        await self._settled()
        if not self._is_over:
            self._making = self._make(mode)
            await self._settled()

    async def end(self) -> None:
        """Makes no further screen; returns once none is half made."""
        self._is_over = True
        await self._settled()

    async def _settled(self) -> None:
        while (making := self._making) is not None:
            await making
            if self._making is making:
                self._making = None
