"""How runs reach whoever does them, as the settings say: within this process, or as messages to any worker.

It starts nothing; `runtime` does. With messages a node may be a scheduler, a worker or both, and the two
parts know of each other only through the database, also within one process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.messages import Messages
from scheduler_core.db.notify import MESSAGE_CHANNEL, WAKE_CHANNEL, WAKE_KINDS, ChangeFeed
from scheduler_core.db.transport_store import SendingStore, WorkerStore
from scheduler_core.domain import NodeRole
from scheduler_core.errors import ConfigError
from scheduler_core.settings import Settings
from scheduler_core.tasks.message_queue import MessageQueue
from scheduler_core.tasks.queue import InProcessQueue
from scheduler_core.tasks.recorder import Recorder
from scheduler_core.tasks.task import JobKinds, TaskFactory

APPLICATION = "bawt scheduler listen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What a node writes by, and what its scheduler claims by.

    Attributes:
        worker: the same as `own` where runs come as messages; None within one process.
    """

    own: JobStore
    claims: JobStore
    worker: WorkerStore | None = None


def role_of(settings: Settings, *, watch: bool) -> NodeRole:
    """What a node takes part in.

    Raises:
        ConfigError: it wants a part without the queue that leads to the other one.
    """
    role = NodeRole(settings.scheduler_role)
    if role is not NodeRole.BOTH and not sends(settings, watch=watch):
        raise ConfigError(
            f"A node that is only a {role} needs a queue to the others.",
            "Set LLM_BAWT_TASK_QUEUE=pgqueuer, or let its role be both.",
        )
    return role


def sends(settings: Settings, *, watch: bool) -> bool:
    """Whether runs travel as messages. Running what is due and no more is done within the process, whatever
    the others do: both kinds of node may work on one database."""
    return settings.task_queue == "pgqueuer" and watch


def stores_of(settings: Settings, own: Database, *, node_id: UUID, kinds: JobKinds, watch: bool) -> Stores:
    """
    Raises:
        ConfigError: PgQueuer is wanted and not installed.
    """
    if not sends(settings, watch=watch):
        store = JobStore(own, node_id=node_id)
        return Stores(own=store, claims=store)
    messages = Messages()
    worker = WorkerStore(own, node_id=node_id, messages=messages, limits=kinds.limits)
    claims = SendingStore(own, node_id=node_id, messages=messages)
    return Stores(own=worker, claims=claims, worker=worker)


def feed_of(stores: Stores, database: Database) -> ChangeFeed:
    """The hints a node listens to."""
    if stores.worker is None:
        return ChangeFeed(database.address, APPLICATION, channel=WAKE_CHANNEL, kinds=WAKE_KINDS)
    return ChangeFeed(
        database.address,
        APPLICATION,
        channel=WAKE_CHANNEL,
        kinds=WAKE_KINDS | {"sent"},
        beside=(MESSAGE_CHANNEL,),
    )


def queue_of(
    settings: Settings,
    stores: Stores,
    *,
    role: NodeRole,
    factory: TaskFactory,
    recorder: Recorder,
    feed: ChangeFeed,
    models: Callable[[], Sequence[str]],
) -> InProcessQueue:
    """Where a node's processor gets its tasks; a scheduler's stays empty."""
    capacity = settings.scheduler_max_concurrent_runs
    if stores.worker is None or role is NodeRole.SCHEDULER:
        return InProcessQueue(capacity=capacity)
    return MessageQueue(
        store=stores.worker,
        factory=factory,
        recorder=recorder,
        capacity=capacity,
        check_interval=settings.scheduler_check_interval_seconds,
        models=models,
        hints=feed.subscribe(debounce=0.0),
    )
