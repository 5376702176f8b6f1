"""Keys in the order in which they were typed, each only when all that the one before sets off is over.

The library hands a key to whatever has the focus, and finds out what it means on the key's way back. Keys
that come at once, from a slow line or a macro, would all set out before the first of them moved the focus.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

# Behind the key itself goes what enter in a line sends up: that it was given, then that the line was left;
# and one more for what these set off at once, such as another screen.
TRIPS = 4
# A trail is lost where a screen is closed around it, which is rare; then the keys go on.
PATIENCE_SECONDS = 1.0


class Trail(Message, bubble=True):
    """Goes up the tree behind a key: where it arrives, the key and what it set off have been before."""


class Keystrokes:
    """Lets one key at a time into the app.

    Args:
        app: whose focus decides where keys go.
        deliver: lets one key in.
    """

    def __init__(self, app: App[int], deliver: Callable[[events.Key], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: deque[events.Key] = deque()
        self._trips_left = 0
        self._moved_at = 0.0
        self._looks_after = False

    async def take(self, key: events.Key) -> None:
        """Delivers a key, at once or after those before it."""
        self._waiting.append(key)
        if not self._trips_left:
            await self._next()
        elif not self._looks_after:
            self._look_later()

    async def arrived(self) -> None:
        """A trail has come to its end."""
        if not self._trips_left:
            return
        self._moved_at = self._now()
        self._trips_left -= 1
        if self._trips_left == 0 or not self._follow(self._target()):
            self._trips_left = 0
            await self._next()

    async def _next(self) -> None:
        while self._waiting and not self._trips_left:
            key, target = self._waiting.popleft(), self._target()
            await self._deliver(key)
            if self._follow(target) or self._follow(self._target()):
                self._trips_left, self._moved_at = TRIPS, self._now()

    def _look_later(self) -> None:
        self._looks_after = True
        self._app.set_timer(PATIENCE_SECONDS, self._look)

    async def _look(self) -> None:
        self._looks_after = False
        if self._waiting and self._now() - self._moved_at >= PATIENCE_SECONDS:
            self._trips_left = 0
            await self._next()
        if self._waiting:
            self._look_later()

    def _target(self) -> MessagePump:
        return self._app.focused or self._app.screen

    @staticmethod
    def _follow(target: MessagePump) -> bool:
        return target.post_message(Trail())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
