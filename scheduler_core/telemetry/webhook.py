"""Tells a web address of runs that failed, look suspicious, or stand for slots that were missed.

What is to be told is noted in the database first and tried again with growing pauses for about two days, so
neither a receiver that is down nor a restart loses it; a receiver may hear the same thing twice and tells
them apart by `webhook-id`. Signed as Standard Webhooks (standardwebhooks.com) has it: HMAC-SHA256 over
`id.timestamp.body`. Redirects are not followed. Nothing of what is remembered of people is sent.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from scheduler_core import __version__
from scheduler_core.db.history import History
from scheduler_core.db.webhook_store import Delivery, WebhookStore
from scheduler_core.domain import Run, RunStatus
from scheduler_core.errors import DatabaseError, NotFoundError

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

FAILED, SUSPICIOUS, MISSED = "run.failed", "run.suspicious", "run.missed"
# Seconds before each further try.
PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0)
ANSWER_SECONDS = 10.0
BATCH = 20
LONGEST_LOOK_SECONDS = 60.0
KEEP_DAYS = 7
_GONE = 410


def events_of(run: Run, wanted: Sequence[str]) -> list[str]:
    """What there is to tell of a run that ended."""
    found = []
    if run.status is RunStatus.FAILED:
        found.append(FAILED)
    if run.suspicious:
        found.append(SUSPICIOUS)
    if (run.coalesced and run.attempt == 1) or (run.reason or "").startswith("missed:"):
        found.append(MISSED)
    return [event for event in found if event.removeprefix("run.") in wanted]


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`. A secret may be given as `whsec_` and base64, or as it is."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            log.warning("The webhook's secret is no base64 behind whsec_; it is used as it is.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def body_of(run: Run, taken: Delivery) -> bytes:
    """What is sent: the run as the history shows it, without what it did to anybody's data."""
    data = {
        "run_id": str(run.id),
        "job_id": None if run.job_id is None else str(run.job_id),
        "job_type": run.job_type,
        "bot_id": run.bot_id,
        "status": run.status.value,
        "trigger": run.trigger.value,
        "attempt": run.attempt,
        "scheduled_for": _iso(run.scheduled_for),
        "started_at": _iso(run.started_at),
        "finished_at": _iso(run.finished_at),
        "duration_ms": run.duration_ms,
        "error_message": run.error_message,
        "reason": run.reason,
        "suspicious": list(run.suspicious),
        "missed_slots": run.coalesced,
    }
    told = {"type": taken.event, "timestamp": _iso(taken.created_at), "data": data}
    return json.dumps(told, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`error` is None when it was heard; `final` ends it either way."""

    error: str | None
    final: bool = False


class Webhook:
    """One address. `note` is a sink of `FinishedRuns`; `run` sends.

    Args:
        url, secret: where to, and what signs it; no signature without a secret.
        wanted: of `failed`, `suspicious`, `missed`.
    """

    def __init__(
        self, store: WebhookStore, history: History, *, url: str, secret: str, wanted: Sequence[str]
    ) -> None:
        self._store = store
        self._history = history
        self._url = url
        self._secret = secret
        self._wanted = tuple(wanted)
        self._noted = asyncio.Event()

    async def note(self, runs: Sequence[Run]) -> None:
        """Notes what there is to tell.

        Raises:
            DatabaseError: nothing was noted.
        """
        events = [(run.id, event) for run in runs for event in events_of(run, self._wanted)]
        if events:
            await self._store.add(events)
            self._noted.set()

    async def run(self) -> None:
        """Sends for ever what is noted, by whichever node."""
        import httpx

        expired_at = float("-inf")
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False) as client:
            while True:
                try:
                    self._noted.clear()
                    while await self.run_once(client):
                        pass
                    if time.monotonic() - expired_at > 3600:
                        await self._store.expire(days=KEEP_DAYS)
                        expired_at = time.monotonic()
                    wait = await self._store.next_in()
                except DatabaseError as error:
                    log.warning("Webhooks wait for the database [%s]: %s", error.error_id, error)
                    wait = LONGEST_LOOK_SECONDS / 4
                seconds = LONGEST_LOOK_SECONDS if wait is None else min(max(wait, 0.05), LONGEST_LOOK_SECONDS)
                try:
                    async with asyncio.timeout(seconds):
                        await self._noted.wait()
                except TimeoutError:
                    pass

    async def run_once(self, client: "httpx.AsyncClient") -> int:
        """Tries what is due now, once; returns how many deliveries that were."""
        taken = await self._store.take(batch=BATCH, seconds=BATCH * ANSWER_SECONDS + ANSWER_SECONDS)
        for delivery in taken:
            outcome = await self._try(client, delivery)
            retry_in = None
            if outcome.error is not None and not outcome.final:
                retry_in = next(iter(PAUSES[delivery.attempts - 1 :]), None)
            await self._store.settle(
                delivery, delivered=outcome.error is None, error=outcome.error, retry_in=retry_in
            )
            if outcome.error is not None:
                after = "given up" if retry_in is None else f"again in {retry_in:.0f} s"
                log.warning("Webhook of run %s: %s; %s.", delivery.run_id, outcome.error, after)
        return len(taken)

    async def _try(self, client: "httpx.AsyncClient", taken: Delivery) -> _Outcome:
        import httpx

        try:
            body = body_of(await self._history.run(taken.run_id), taken)
        except NotFoundError:
            return _Outcome("the run is gone", final=True)
        stamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": f"bawt/{__version__}",
            "webhook-id": str(taken.id),
            "webhook-timestamp": str(stamp),
        }
        if self._secret:
            headers["webhook-signature"] = signature(
                self._secret, message_id=str(taken.id), timestamp=stamp, body=body
            )
        try:
            async with client.stream("POST", self._url, content=body, headers=headers) as answer:
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its words may hold the address, and that may hold a key.
            return _Outcome(f"no answer ({type(error).__name__})")
        if 200 <= status < 300:
            return _Outcome(None)
        return _Outcome(f"answered {status}", final=status == _GONE)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
