"""What became of each slot of the month: quiet hours, work, and the things that go wrong in a month.

Pure; the same seed gives the same month. Runs that did something to profiles or memories are only marked
here: `profiles` and `memories` do it and fill in what came of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from bawt_console.demo.jobs import DemoJob, slots
from bawt_console.demo.people import BOTS
from bawt_console.demo.runs import PastRun, follow_up, slot_run_id
from scheduler_core.domain import ALL_BOTS

NODE_LOST = timedelta(days=9, hours=4)
CRASHES = timedelta(days=21, hours=6)
CRASHING = "mira"
RETRY_AFTER = (31.0, 64.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastNode:
    """A node of the past.

    Attributes:
        since, until: how long ago it began and ended.
    """

    id: UUID
    name: str
    version: str
    since: timedelta
    until: timedelta


def the_nodes(luck: Random) -> tuple[PastNode, ...]:
    """Three machines; one of them was lost on the way."""

    def node(name: str, version: str, since: float, until: float) -> PastNode:
        return PastNode(
            id=UUID(int=luck.getrandbits(128), version=4),
            name=name,
            version=version,
            since=timedelta(days=since),
            until=timedelta(days=until),
        )

    return (
        node("attic", "0.0.9", 31, 12.2),
        node("cellar", "0.0.9", 31, 12.2),
        node("garage", "0.0.9", 25, NODE_LOST / timedelta(days=1) - 0.01),
        node("attic", "0.1.0", 12.1, 0.0003),
        node("cellar", "0.1.0", 12.1, 0.0003),
    )


def the_month(
    now: datetime, luck: Random, jobs: Sequence[DemoJob], nodes: Sequence[PastNode]
) -> list[PastRun]:
    """Every run that a slot of the month became, with the attempts that followed. A run with something to do
    has the status `success` and no result yet."""
    runs: list[PastRun] = []
    for job in jobs:
        for run in _of_slots(job, now, luck):
            run.node_id = _node_at(run.started_at, now, luck, nodes)
            runs.append(run)
            _decide(run, now, luck)
            runs += _attempts(run, now, luck, nodes)
    return runs


def _of_slots(job: DemoJob, now: datetime, luck: Random) -> Iterator[PastRun]:
    bots = BOTS if job.type == "memory_decay" and job.bot == ALL_BOTS else (job.bot,)
    for number, slot in enumerate(slots(job, now), 1):
        for bot in bots:
            # Mostly at once; now and then something else had the model.
            delay = luck.uniform(0.004, 0.06) if luck.random() > 0.05 else luck.uniform(2.0, 45.0)
            yield PastRun(
                id=slot_run_id(job.id, number, bot, slot.at),
                job=job,
                bot=bot,
                scheduled_for=slot.at,
                started_at=slot.free_at + timedelta(seconds=delay),
                claim_seq=number,
                coalesced=slot.coalesced,
            )


def _node_at(at: datetime, now: datetime, luck: Random, nodes: Sequence[PastNode]) -> UUID:
    alive = [node for node in nodes if now - node.since <= at < now - node.until]
    return luck.choice(alive or list(nodes)).id


def _decide(run: PastRun, now: datetime, luck: Random) -> None:
    ago = now - run.scheduled_for
    if run.job.type == "memory_consolidation" and run.bot == CRASHING:
        since = CRASHES - ago
        if timedelta(0) <= since < timedelta(hours=9):
            run.fail(_crash(luck), seconds=luck.uniform(3.0, 9.0))
            return
        if timedelta(hours=9) <= since < timedelta(hours=15):
            until = (now - CRASHES + timedelta(hours=15)).astimezone().astimezone(run.scheduled_for.tzinfo)
            run.skip(f"backing off after 3 failures until {until:%Y-%m-%d %H:%M:%S} UTC")
            run.started_at = run.scheduled_for
            return
    if luck.random() >= run.job.busy:
        run.skip("unchanged")
        return
    run.status, run.seconds = "success", _duration(run, luck)
    if timedelta(0) <= ago - NODE_LOST < timedelta(hours=1):
        run.fail("Node lost: garage stopped renewing its lease.", seconds=luck.uniform(31.0, 58.0))
    elif luck.random() < 0.03:
        mishap(run, luck)


def _attempts(run: PastRun, now: datetime, luck: Random, nodes: Sequence[PastNode]) -> Iterator[PastRun]:
    """A failed run is tried again; only the crashing model never gets through."""
    last = run
    is_hopeless = run.error is not None and "set aside" in run.error
    for after in RETRY_AFTER if run.status == "failed" else ():
        attempt = follow_up(last, luck, after=after * luck.uniform(0.9, 1.2))
        attempt.node_id = _node_at(attempt.started_at, now, luck, nodes)
        if is_hopeless:
            attempt.fail(_crash(luck), seconds=luck.uniform(2.0, 6.0))
        else:
            attempt.status, attempt.seconds = "success", _duration(run, luck)
        yield attempt
        if not is_hopeless:
            return
        last = attempt


def _duration(run: PastRun, luck: Random) -> float:
    return run.job.seconds * luck.lognormvariate(0.0, 0.32)


def error_id(luck: Random) -> str:
    return f"{luck.getrandbits(32):08x}"


def _crash(luck: Random) -> str:
    return (
        "The model Tiny-Poet-1B was set aside because it crashed twice within a day. Choose another model."
        f" [{error_id(luck)}]"
    )


def mishap(run: PastRun, luck: Random) -> None:
    """Something that happens to a run and not to its next attempt."""
    if run.job.type == "memory_decay" or luck.random() < 0.25:
        run.fail(
            f"The database did not answer in time. Is the server busy? [{error_id(luck)}]",
            seconds=luck.uniform(30.0, 30.4),
        )
    elif luck.random() < 0.3:
        run.fail("Timed out after 600 s.", seconds=luck.uniform(600.0, 600.1))
    else:
        run.fail(f"The model's process died of SIGKILL. [{error_id(luck)}]", seconds=run.seconds)
