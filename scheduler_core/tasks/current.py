"""Which run the current task works on, so that logs can name it. It imports nothing of the package."""

from contextvars import ContextVar
from uuid import UUID

_run: ContextVar[UUID | None] = ContextVar("bawt_run", default=None)


def enter_run(run_id: UUID) -> None:
    """From here on, in this asyncio task and those it makes, `current_run_id` names this run."""
    _run.set(run_id)


def current_run_id() -> UUID | None:
    """None outside of runs."""
    return _run.get()
