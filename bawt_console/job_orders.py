"""The orders of the list of jobs. Paused ones stand last where the order is about what comes next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bawt_console.formatting import State, job_state
from scheduler_core.domain import JobOverview

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_URGENCY = (
    State.FAILED,
    State.LATE,
    State.SUSPICIOUS,
    State.RUNNING,
    State.PENDING,
    State.PAUSED,
    State.SKIPPED,
    State.NEW,
    State.OK,
)


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        column: the title of the column whose click asks for it.
        key: gets a job and now; the server's order, next due first, decides what is equal.
    """

    name: str
    words: str
    column: str
    key: Callable[[JobOverview, datetime], Any]


def _last(each: JobOverview, now: datetime) -> float:
    at = None if each.last is None else each.last.finished_at or each.last.started_at
    return -(at or _LONG_AGO).timestamp()


ORDERS = (
    Order("next", "next due first", "Next", lambda each, now: not each.job.enabled),
    Order("state", "worst first", "State", lambda each, now: _URGENCY.index(job_state(each, now))),
    Order("name", "by name", "Job", lambda each, now: (each.job.job_type, each.job.bot_id)),
    Order("last", "latest run first", "Last", _last),
    Order("slow", "slowest first", "p95", lambda each, now: -(each.p95_ms or 0.0)),
    Order(
        "success",
        "least success first",
        "ok 7 d",
        lambda each, now: 2.0 if each.share_ok is None else each.share_ok,
    ),
)
