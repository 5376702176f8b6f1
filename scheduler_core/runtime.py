"""Puts the parts of a node together; nothing else wires. Start order is written here once, and stop order.

    async with open_runtime(settings) as runtime:
        await runtime.operations.force_run(job_id)

Leaving stops in this order: no new claims, wait for runs in hand, cancel what is left, write last outcomes,
say goodbye, close the LISTEN connection, the pool, and the embedded server if nobody else uses it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from scheduler_core import __version__
from scheduler_core.built_in_kinds import built_in_kinds
from scheduler_core.carriage import feed_of, queue_of, role_of, sends, stores_of
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.forgetting import Forgetting
from scheduler_core.db.generation_news import GenerationNews
from scheduler_core.db.history import History
from scheduler_core.db.job_values import NodeRow
from scheduler_core.db.notify import ChangeFeed
from scheduler_core.db.operations import Operations
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.db.run_watch import RunWatch
from scheduler_core.domain import NodeRole, NodeState, Run
from scheduler_core.errors import DatabaseError, ModelError
from scheduler_core.footprint import resident_bytes
from scheduler_core.installation import (
    local_actor,
    open_address,
    open_database,
    operations,
)
from scheduler_core.jobs.host_calls import HostBots, host_sink
from scheduler_core.jobs.scheduler import CLAIM_BATCH, CLAIMS_AT_ONCE, BotSource, JobScheduler
from scheduler_core.jobs.suspicion import SuspicionBreaker
from scheduler_core.jobs.upkeep import Upkeep
from scheduler_core.llm.chooser import ModelChooser
from scheduler_core.llm.given import GivenModel
from scheduler_core.llm.provider import TextModel
from scheduler_core.model_choice import model_chooser
from scheduler_core.settings import Settings
from scheduler_core.tasks.broadcast import Broadcast
from scheduler_core.tasks.message_queue import MessageQueue
from scheduler_core.tasks.processor import TaskProcessor
from scheduler_core.tasks.queue import NowhereHere
from scheduler_core.tasks.recorder import Recorder
from scheduler_core.tasks.task import JobKind, JobKinds, TaskFactory
from scheduler_core.telemetry.watch import Telemetry, open_telemetry

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = logging.getLogger(__name__)

UNKNOWN_TYPE_GRACE_SECONDS = 60.0
SETTLE_SECONDS = 2.0
LAST_WORDS_SECONDS = 5.0
# Claiming, recording, heartbeats and looking for cancellations, each at the same time.
OWN_CONNECTIONS = CLAIMS_AT_ONCE + 3
RECORDER = "recorder"

FinishedSink = Callable[[Sequence[UUID]], None]
Models = ModelChooser | GivenModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A running scheduler node.

    Attributes:
        operations: force, pause, resume and cancel, as this node.
        forgetting: removes a person or a bot whole, and proves it.
        settled: returns when the outcome of every run that ended so far is written.
        stop: ends scheduling in order, while the database stays open for reading; leaving does the rest.
    """

    node_id: UUID
    address: Address
    database: Database
    history: History
    operations: Operations
    profiles: ProfileStore
    forgetting: Forgetting
    scheduler: JobScheduler
    settled: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]

    @asynccontextmanager
    async def run_changes(self) -> AsyncIterator[AsyncIterator[Run]]:
        """Every run of any node as its status changes, from entering on."""
        feed = ChangeFeed(self.address, "bawt run changes")
        watch = RunWatch(self.database, feed)
        since = await watch.begin()
        async with asyncio.TaskGroup() as group, aclosing(watch.changes(since)) as changes:
            listening = group.create_task(feed.run(), name="run changes")
            try:
                yield changes
            finally:
                listening.cancel()

    async def run_due(self) -> None:
        """Runs what is due or waiting now, and returns when all of it is over. Retries that are due
        later are left alone. For a runtime that does not watch by itself."""
        await self.scheduler.run_due()
        await self.settled()


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    *,
    kinds: Sequence[JobKind] = (),
    bots: Callable[[], Awaitable[Sequence[str]]] | None = None,
    engine: "AsyncEngine | None" = None,
    model: TextModel | None = None,
    on_finished: FinishedSink | None = None,
    watch: bool = True,
) -> AsyncIterator[Runtime]:
    """Starts a scheduler node and stops it in order on leaving.

    Args:
        kinds: a host's own job types, beside the built-in ones.
        bots: a host's own list of bots, beside the database's and the setting's; asked at every claim. Where
            it raises, that is logged and the last list it told counts, at first an empty one.
        engine: a host's own asyncpg engine, used as it is and left open; its tables and metadata are not
            touched. Its URL must say where the database is, because listening takes a connection of its own.
        model: a host's own model in place of what the settings would choose; left open.
        on_finished: told the ids of runs that this node finished, skipped or closed. Where it raises, that is
            logged and it is not told of these again.
        watch: whether to look for due jobs all the time; False leaves that to `Runtime.run_due`.

    Raises:
        SchedulerError: something is missing at the start.
        ExceptionGroup: a loop died of a bug; a lost database is not one.
    """
    async with AsyncExitStack() as stack:
        if engine is None:
            address = await stack.enter_async_context(open_address(settings))
        else:
            address = Address.parse(engine.url.render_as_string(hide_password=False))
        database = await stack.enter_async_context(
            open_database(address, settings, application="bawt scheduler", engine=engine)
        )
        own_pool = database.beside(
            # One more where messages are taken beside all that.
            pool_size=OWN_CONNECTIONS + sends(settings, watch=watch),
            application="bawt scheduler node",
            # A wire that is dead is given up while the lease still holds.
            patience=settings.scheduler_lease_seconds / 2,
        )
        stack.push_async_callback(own_pool.aclose)
        models = model_chooser(settings) if model is None else GivenModel(model)
        stack.push_async_callback(models.aclose)
        telemetry = await stack.enter_async_context(open_telemetry(database, settings))
        node = _Node(settings, database, own_pool, models, kinds, bots, on_finished, telemetry, watch=watch)
        await node.join()
        own: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                node.start(group)
                try:
                    yield node.runtime
                except BaseException as error:
                    own = error
                    raise
                finally:
                    await node.stop()
        except BaseExceptionGroup as errors:
            # An error of the caller's own block leaves as it came; the group is for loops that died.
            if own is not None and own in errors.exceptions:
                raise own from None
            raise


class _Node:
    """Everything one node consists of, built in the order of dependence.

    Args:
        database: for handlers and whoever reads.
        own: the node's own connections, so that handlers who use up the others do not stop it.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        own: Database,
        models: Models,
        kinds: Sequence[JobKind],
        bots: BotSource | None,
        on_finished: FinishedSink | None,
        telemetry: Telemetry | None,
        *,
        watch: bool,
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._role = role_of(settings, watch=watch)
        self._models = models
        self._state = NodeState.ACTIVE
        self._host_bots = None if bots is None else HostBots(bots)
        self._loops: list[asyncio.Task[None]] = []
        self._node_id = uuid4()
        self._kinds = JobKinds()
        for kind in (*built_in_kinds(settings, database, models), *kinds):
            self._kinds.register(kind)
        stores = stores_of(settings, own, node_id=self._node_id, kinds=self._kinds, watch=watch)
        self._store = stores.own
        self._sends = stores.worker is not None
        self._feed = feed_of(stores, database)
        self._telemetry = telemetry
        told = _all_of(
            None if on_finished is None else host_sink(on_finished),
            None if telemetry is None else telemetry.tell,
        )
        pause_job = partial(_pause, operations(database, settings, actor="circuit breaker"))
        self._suspicion = SuspicionBreaker(
            database, limit=settings.scheduler_suspicious_limit, pause_job=pause_job
        )
        self._recorder = Recorder(
            writer=self._store,
            on_recorded=partial(self._recorded, told),
            on_suspicious=self._suspicion.note,
        )
        factory = TaskFactory(
            kinds=self._kinds,
            timeout=settings.scheduler_run_timeout_seconds,
            max_attempts=settings.scheduler_max_attempts,
        )
        self._queue = queue_of(
            settings,
            stores,
            role=self._role,
            factory=factory,
            recorder=self._recorder,
            feed=self._feed,
            models=self._model_names,
        )
        self._broadcast = Broadcast(GenerationNews(own), with_text=settings.live_generation)
        self._processor = TaskProcessor(
            queue=self._queue,
            recorder=self._recorder,
            retry_base=settings.scheduler_retry_base_seconds,
            # Elsewhere it is the messages taken that make room.
            on_free=(lambda: None) if self._sends else lambda: self._scheduler.wake(),
            broadcast=self._broadcast,
            pause_job=pause_job,
        )
        self._scheduler = JobScheduler(
            store=stores.claims,
            queue=NowhereHere(batch=CLAIM_BATCH) if self._sends else self._queue,
            factory=factory,
            recorder=self._recorder,
            check_interval=settings.scheduler_check_interval_seconds,
            bots=self._bots,
            wakes=self._feed.subscribe(debounce=0.0),
            on_skipped=told,
        )
        self._upkeep = self._make_upkeep(told)
        self.runtime = Runtime(
            node_id=self._node_id,
            address=database.address,
            database=database,
            history=History(database),
            operations=operations(database, settings, actor=local_actor("scheduler")),
            profiles=ProfileStore(database),
            forgetting=Forgetting(database, actor=local_actor("scheduler")),
            scheduler=self._scheduler,
            settled=self._recorder.wait_settled,
            stop=self.stop,
        )

    async def join(self) -> None:
        """Gives host types their default jobs and announces the node before it claims anything."""
        own = {kind.name: kind.interval_minutes for kind in self._kinds if kind.interval_minutes is not None}
        await self._store.seed_jobs(own)
        try:
            await self._models.look()
        except ModelError as error:
            log.warning("Profile maintenance will fail [%s]: %s", error.error_id, error)
        await self._store.heartbeat(self._describe())

    def start(self, group: asyncio.TaskGroup) -> None:
        """Starts the loops; one that dies of a bug takes the group with it."""
        works = {
            "change feed": self._feed.run,
            RECORDER: self._recorder.run,
            "broadcast": self._broadcast.run,
            "processor": self._processor.run,
            "upkeep": self._upkeep.run,
            "suspicion": self._suspicion.run,
        }
        if self._telemetry is not None:
            works["telemetry"] = self._telemetry.run
        if self._watch and self._role is not NodeRole.WORKER:
            works["scheduler"] = self._scheduler.run
        if isinstance(self._queue, MessageQueue):
            works["messages"] = self._queue.listen
        self._loops = [group.create_task(work(), name=name) for name, work in works.items()]

    async def stop(self) -> None:
        """Ends the loops in order; a second call does nothing."""
        loops, self._loops = self._loops, []
        if not loops:
            return
        self._state = NodeState.DRAINING
        grace = self._settings.scheduler_stop_grace_seconds
        # Each in its own time: a claim that does not come back must not cost the runs in hand theirs.
        for ending, seconds in (
            (self._scheduler.stop_claiming, LAST_WORDS_SECONDS),
            (self._queue.close, LAST_WORDS_SECONDS),
            (partial(self._processor.drain, grace=grace), grace + LAST_WORDS_SECONDS),
        ):
            try:
                async with asyncio.timeout(seconds):
                    await ending()
            except TimeoutError:
                log.warning("Runs are left behind; their lease ends now and they are tried again.")
        recorder = next(loop for loop in loops if loop.get_name() == RECORDER)
        await self._settle(recorder)
        for loop in loops:
            loop.cancel()
        # Only then is what it was writing in its hands again, for the last words.
        await asyncio.wait([recorder], timeout=LAST_WORDS_SECONDS)
        await asyncio.shield(self._say_goodbye())

    async def _settle(self, recorder: "asyncio.Task[None]") -> None:
        """Lets the recorder write what it holds, if it still does: an outcome that is cut off while it is
        written may be recorded, and would be told to nobody."""
        settled = asyncio.ensure_future(self._recorder.wait_settled())
        try:
            await asyncio.wait(
                {settled, recorder}, timeout=SETTLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            settled.cancel()

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._recorder.finish_all()
        except (DatabaseError, TimeoutError):
            log.warning("Not every outcome was written; what is left is tried again.")
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._starter.tell_waiting()
                if self._telemetry is not None:
                    await self._telemetry.flush()
                await self._store.leave()
        except (DatabaseError, TimeoutError):
            log.warning("The database did not hear the last words; the lease tells the other nodes.")

    def _recorded(self, told: FinishedSink, run_ids: Sequence[UUID]) -> None:
        told(run_ids)
        # A run that waited for one of these may start now.
        self._starter.recorded(run_ids)

    @property
    def _starter(self) -> JobScheduler | MessageQueue:
        """What starts the runs of this node."""
        return self._queue if isinstance(self._queue, MessageQueue) else self._scheduler

    async def _bots(self) -> Sequence[str]:
        host = await self._host_bots() if self._host_bots is not None else ()
        return [*self._settings.bots, *host]

    def _describe(self) -> NodeRow:
        return NodeRow(
            id=self._node_id,
            name=self._settings.node_label,
            state=self._state,
            version=__version__,
            job_types=self._kinds.names,
            lease=self._settings.scheduler_lease_seconds,
            running=len(self._processor.run_ids),
            model=self._models.name,
            role=str(self._role),
            queue="pgqueuer" if self._sends else "in-process",
            capacity=0 if self._role is NodeRole.SCHEDULER else self._settings.scheduler_max_concurrent_runs,
            job_limits=tuple(self._kinds.limits.values()),
            models=tuple(self._model_names()),
            memory_bytes=resident_bytes(self._models.process_ids),
        )

    def _model_names(self) -> Sequence[str]:
        """As runs ask for them: the name without where it runs, in lower case."""
        name = self._models.name
        return () if name is None else (name.rpartition(" ")[0].lower(),)

    def _make_upkeep(self, on_closed: FinishedSink) -> Upkeep:
        return Upkeep(
            store=self._store,
            processor=self._processor,
            kinds=self._kinds,
            describe=self._describe,
            lease=self._settings.scheduler_lease_seconds,
            max_attempts=self._settings.scheduler_max_attempts,
            retry_base=self._settings.scheduler_retry_base_seconds,
            unknown_grace=UNKNOWN_TYPE_GRACE_SECONDS,
            history_days=self._settings.scheduler_history_days,
            wakes=self._feed.subscribe(debounce=0.0),
            on_closed=on_closed,
            on_back=self._scheduler.wake,
        )


def _all_of(*sinks: FinishedSink | None) -> FinishedSink:
    told = [sink for sink in sinks if sink is not None]

    def tell(run_ids: Sequence[UUID]) -> None:
        for sink in told:
            sink(run_ids)

    return tell


async def _pause(breaker: Operations, job_id: UUID, reason: str) -> None:
    await breaker.pause(job_id, reason=reason)
