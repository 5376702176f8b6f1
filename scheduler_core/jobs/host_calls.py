"""Calls into the host's own code, which may fail without ending the node.

Of an error only the kind and where it came from are logged: its message may quote a person's text.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from scheduler_core.errors import SchedulerError, frames_of

log = logging.getLogger(__name__)


class HostBots:
    """The host's own list of bots, or the last one it told while it cannot tell; at first that is empty."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._ask = ask
        self._known: tuple[str, ...] = ()
        self._failing = False

    async def __call__(self) -> Sequence[str]:
        try:
            self._known = tuple(await self._ask())
            self._failing = False
        except Exception as error:  # noqa: BLE001 - the border: a host may raise anything
            # It is asked at every claim, and one line says it for all that follow.
            if not self._failing:
                _log("The host's list of bots failed; the last one it told counts", error)
            self._failing = True
        return self._known


def host_sink(tell: Callable[[Sequence[UUID]], None]) -> Callable[[Sequence[UUID]], None]:
    """Tells the host of runs; those that it fails to hear of it is not told again."""

    def told(run_ids: Sequence[UUID]) -> None:
        try:
            tell(run_ids)
        except Exception as error:  # noqa: BLE001 - the same
            _log("The host failed to hear of finished runs", error)

    return told


def _log(sentence: str, error: Exception) -> None:
    wrapped = SchedulerError(f"{sentence} ({type(error).__name__}).")
    log.error("[%s] %s\n%s", wrapped.error_id, wrapped, frames_of(error))
