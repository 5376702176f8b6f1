"""One LISTEN connection for everybody in the process who wants to know that something changed.

A notification is a hint; whoever gets one looks at the tables. After every reconnect all subscribers are
told that anything may have changed, because hints sent meanwhile are lost.
"""

import asyncio
import json
import logging
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

import asyncpg

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.errors import DatabaseError, SchedulerError

WAKE_CHANNEL = "llm_bawt_wake"
# PgQueuer's own: it says in JSON which kind of statement touched its queue.
MESSAGE_CHANNEL = "llm_bawt_pgqueuer"
CHANGE_CHANNEL = "llm_bawt_change"
# What models are writing; the payload is the news itself, see `generation_news`.
GENERATION_CHANNEL = "llm_bawt_generation"
CHANGE_KINDS = frozenset({"jobs", "runs", "events", "nodes", "profiles", "memories"})
WAKE_KINDS = frozenset({"due", "cancel"})
# A message that was taken leaves room for another one, so schedulers look again.
MESSAGE_KINDS = {"insert": "sent", "delete": "due"}

# The triggers that speak on each channel.
TRIGGERS = {
    WAKE_CHANNEL: {
        "scheduled_jobs_inserted",
        "scheduled_jobs_sooner",
        "job_runs_inserted",
        "job_runs_updated",
    },
    CHANGE_CHANNEL: {
        "scheduled_jobs_inserted",
        "scheduled_jobs_updated",
        "scheduled_jobs_deleted_notice",
        "job_runs_inserted",
        "job_runs_updated",
        "job_runs_deleted_notice",
    },
    MESSAGE_CHANNEL: {"tg_pgqueuer_changed"},
}

KEEP_ALIVE_SECONDS = 15.0
ANSWER_SECONDS = 5.0
# Between two looks at a server that tells nothing.
LOOK_SECONDS = 2.0
FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 15.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FeedState:
    """How the LISTEN connection is doing. Times are of `time.monotonic`.

    Attributes:
        since: when the server was last heard of.
        retry_at: when the next attempt to connect is due; None while connected.
        error: what went wrong last; None while connected.
    """

    connected: bool = False
    since: float = 0.0
    retry_at: float | None = None
    error: SchedulerError | None = None

    @property
    def retry_in(self) -> float | None:
        """Seconds until the next attempt."""
        return None if self.retry_at is None else max(0.0, self.retry_at - time.monotonic())


class _Subscriber:
    """Collects kinds until somebody takes them; never grows beyond the set of kinds."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.event = asyncio.Event()

    def tell(self, kinds: frozenset[str]) -> None:
        self.kinds |= kinds
        self.event.set()

    def take(self) -> frozenset[str]:
        kinds, self.kinds = frozenset(self.kinds), set()
        self.event.clear()
        return kinds


class ChangeFeed:
    """Listens on one channel and passes on which kinds of thing changed.

    Args:
        address: where to listen.
        application: shown in `pg_stat_activity`.
        channel: `CHANGE_CHANNEL` for screens, `WAKE_CHANNEL` for schedulers.
        kinds: every kind of the channel; told to all after a reconnect.
        beside: further channels on the same connection.
        also: other channels on the same connection, and who hears their payloads; what is sent while there
            is no connection is lost to them.
    """

    def __init__(
        self,
        address: Address,
        application: str,
        *,
        channel: str = CHANGE_CHANNEL,
        kinds: frozenset[str] = CHANGE_KINDS,
        beside: tuple[str, ...] = (),
        also: Mapping[str, Callable[[str], None]] | None = None,
    ) -> None:
        self.state = FeedState()
        self._address = address
        self._application = application
        self._channel = channel
        self._channels = (channel, *beside)
        self._kinds = kinds
        self._also = dict(also or {})
        self._silent: set[str] = set()
        # Weak, because an iterator that nobody ever starts cannot say that it is over.
        self._subscribers: weakref.WeakSet[_Subscriber] = weakref.WeakSet()

    async def run(self) -> None:
        """Listens for ever. A lost connection is not an error here: it is opened again with backoff.

        Raises:
            Exception: what is not about the database at all.
        """
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                connection = await connect(self._address, application=self._application)
                pause = FIRST_RETRY_SECONDS
                await self._listen(connection)
            except DatabaseError as error:
                log.warning("Listening stopped [%s]: %s", error.error_id, error)
                self.state.connected = False
                self.state.error = error
            self.state.retry_at = time.monotonic() + pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RETRY_SECONDS)

    def subscribe(self, *, debounce: float = 0.25) -> AsyncGenerator[frozenset[str], None]:
        """Yields sets of kinds; waits `debounce` seconds after a first hint to collect others.

        Hints count from this call on, not from the first step of the iterator. While connected, the first
        set holds every kind, because the subscriber may have missed anything. A hint after a quiet time is
        passed on at once, so that a single change shows at once.
        """
        subscriber = _Subscriber()
        self._subscribers.add(subscriber)
        if self.state.connected:
            subscriber.tell(self._kinds)
        return self._hints(subscriber, debounce)

    async def _hints(self, subscriber: _Subscriber, debounce: float) -> AsyncGenerator[frozenset[str], None]:
        try:
            while True:
                await subscriber.event.wait()
                yield subscriber.take()
                await asyncio.sleep(debounce)
        finally:
            self._subscribers.discard(subscriber)

    async def _listen(self, connection: Connection) -> None:
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        try:
            with plain_errors(self._address):
                hears = await self._may_listen(connection)
                await self._ask(connection)
            self._alive()
            self._tell(self._kinds)
            while not closed.is_set():
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS if hears else LOOK_SECONDS):
                        await closed.wait()
                except TimeoutError:
                    # A half-open connection hears nothing and says nothing; only asking shows it.
                    with plain_errors(self._address):
                        await self._ask(connection)
                    self._alive()
                    if not hears:
                        self._tell(self._kinds)
            self.state.connected = False
            log.warning("The connection that listens on %s was closed.", self._channel)
        finally:
            connection.terminate()

    async def _may_listen(self, connection: Connection) -> bool:
        """Begins to listen. A standby refuses that, and passes no notification on: whoever reads there looks
        every few seconds instead."""
        try:
            for channel in self._channels:
                await connection.add_listener(channel, self._heard)
            for channel in self._also:
                await connection.add_listener(channel, self._heard_also)
        except asyncpg.ReadOnlySQLTransactionError:
            log.info("This server is a standby; it is looked at every %g s.", LOOK_SECONDS)
            return False
        return True

    async def _ask(self, connection: Connection) -> None:
        """Whether the server is there, and still says what changes; the log tells when it does not."""
        wanted = {trigger for channel in self._channels for trigger in TRIGGERS.get(channel, ())}
        rows = await connection.fetch(
            "SELECT tgname::text AS name FROM pg_trigger"
            " WHERE tgname = ANY ($1::text[]) AND tgenabled <> 'D'",
            list(wanted),
            timeout=ANSWER_SECONDS,
        )
        silent = wanted - {row["name"] for row in rows}
        if silent - self._silent:
            log.warning(
                "Changes are noticed late, at the next check: these triggers are gone or disabled: %s.",
                ", ".join(sorted(silent)),
            )
        self._silent = silent

    def _alive(self) -> None:
        self.state.connected = True
        self.state.since = time.monotonic()
        self.state.retry_at = None
        self.state.error = None

    def _heard(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self.state.since = time.monotonic()
        kind = _message_kind(str(payload)) if channel == MESSAGE_CHANNEL else str(payload)
        self._tell(frozenset({kind}) & self._kinds)

    def _heard_also(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self.state.since = time.monotonic()
        self._also[channel](str(payload))

    def _tell(self, kinds: frozenset[str]) -> None:
        if kinds:
            for subscriber in self._subscribers:
                subscriber.tell(kinds)


def _message_kind(payload: str) -> str:
    """The word for it; empty for whatever else PgQueuer says on its channel."""
    try:
        event = json.loads(payload)
    except ValueError:
        return ""
    return MESSAGE_KINDS.get(str(event.get("operation")), "") if isinstance(event, dict) else ""
