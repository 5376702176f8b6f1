"""How many no-op runs a second go from due to recorded as success, with history.

Every contestant gets N jobs that are all due at one moment and works until the last one is recorded: our
node as one process and as two, PgQueuer and Procrastinate (their best setting out of a few), APScheduler 3
with its SQLAlchemy store, and the limit, which is the same state changes on our schema in batched SQL by
the bare driver. All use one server, a new database each, and take turns in changing order after a warm-up.

Ours is timed from the due time until its last commit is confirmed; a rival from the word to go until the
last time stamp in its own record, or its own return where it keeps none. The slow ones get fewer jobs.
"""

import argparse
import asyncio
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks import options
from benchmarks.crew import crew
from benchmarks.jobs import add_jobs, count_runs
from benchmarks.machine import machine, versions
from benchmarks.node import start_node
from benchmarks.report import Report, Spread, Table
from benchmarks.server import Server, connected, started_server

PACKAGES = ("asyncpg", "sqlalchemy", "pgqueuer", "procrastinate", "psycopg", "apscheduler")

OURS = "ours"
PGQUEUER = "PgQueuer"

# Rows a second that the slowest machine writes before they are due.
INSERTED_A_SECOND = 10_000


class WrongCountError(Exception):
    """A contestant did not record every job; its time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Something that is timed.

    Attributes:
        rival: its module under `benchmarks.rivals`; empty for our own node.
        batch: capacity of a node, or what the rival takes at once.
        others: further values of `batch`; the best one is found before the rounds.
        triggers: False runs on our schema with its triggers disabled.
    """

    name: str
    jobs: int
    batch: int
    rival: str = ""
    others: tuple[int, ...] = ()
    workers: int = 1
    schema: bool = False
    triggers: bool = True
    record: str = "yes"


async def seconds_for(contestant: Contestant, server: Server) -> float:
    """One round of one contestant in a new database.

    Raises:
        WrongCountError: not exactly the given number of jobs was recorded as successful.
    """
    ours = not contestant.rival
    async with server.database("dispatch", schema=ours or contestant.schema) as url:
        if not contestant.triggers:
            async with connected(url) as connection:
                for table in ("scheduled_jobs", "job_runs"):
                    await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        race = _race_of_nodes if ours else _race_of_rivals
        return await race(contestant, url, server)


async def _race_of_nodes(contestant: Contestant, url: str, server: Server) -> float:
    async with crew() as nodes, connected(url) as connection:
        for number in range(contestant.workers):
            await start_node(nodes, url, server.directory, capacity=contestant.batch, name=f"node{number}")
        lead = 1 + contestant.jobs / INSERTED_A_SECOND
        due = await add_jobs(connection, contestant.jobs, first_in=lead)
        last = await nodes.finished(contestant.jobs)
        _check(contestant, await count_runs(connection, "success"))
        return last - due


async def _race_of_rivals(contestant: Contestant, url: str, server: Server) -> float:
    arguments = (contestant.rival, "--url", url, "--batch", str(contestant.batch))
    async with crew() as rivals:
        workers = [await rivals.start("benchmarks.rivals.worker", *arguments)]
        workers[0].tell(f"prepare {contestant.jobs}")
        await rivals.next("prepared")
        workers += [
            await rivals.start("benchmarks.rivals.worker", *arguments) for _ in range(1, contestant.workers)
        ]
        await server.checkpoint()
        for worker in workers:
            worker.tell("go")
        started = [(await rivals.next("started")).at for _ in workers]
        over = [(await rivals.next("over")).at for _ in workers]
        workers[0].tell("count")
        counted = await rivals.next("counted")
        _check(contestant, counted.facts["count"])
        return (counted.facts["last"] or max(over)) - min(started)


def _check(contestant: Contestant, count: int) -> None:
    if count != contestant.jobs:
        raise WrongCountError(f"{contestant.name} recorded {count} of {contestant.jobs} jobs.")


def contestants(arguments: argparse.Namespace) -> Iterator[Contestant]:
    """Everybody who is installed and not left out."""
    jobs, slow = arguments.jobs, arguments.slow_jobs
    limit = Contestant(name="limit", jobs=jobs, batch=500, rival="limit", workers=2, schema=True)
    yield limit
    yield replace(limit, name="limit, triggers off", triggers=False)
    for nodes in arguments.nodes:
        name = f"{OURS}, {nodes} node{'s' if nodes > 1 else ''}"
        first, *others = arguments.capacity
        yield Contestant(name=name, jobs=jobs, batch=first, others=tuple(others), workers=nodes)
    if not arguments.rivals:
        return
    if _installed("pgqueuer"):
        first, *others = arguments.pgqueuer_batch
        queuer = Contestant(name=PGQUEUER, jobs=jobs, batch=first, others=tuple(others), rival="pgqueuer")
        yield queuer
        yield replace(queuer, name=f"{PGQUEUER}, 2 workers", workers=2)
    if _installed("procrastinate"):
        yield Contestant(name="Procrastinate", jobs=slow, batch=20, others=(50,), rival="procrastinate")
    if _installed("apscheduler") and _installed("psycopg"):
        yield Contestant(name="APScheduler", jobs=slow, batch=10, rival="apscheduler", record="no")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


async def _best(contestant: Contestant, server: Server) -> Contestant:
    """Warms everything up, and chooses the batch that was fastest."""
    tried = [replace(contestant, batch=batch) for batch in (contestant.batch, *contestant.others)]
    seconds = [await seconds_for(one, server) for one in tried]
    return tried[seconds.index(min(seconds))]


async def measure(arguments: argparse.Namespace) -> Report:
    """All rounds of all contestants."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        chosen = [await _best(one, server) for one in contestants(arguments)]
        times: list[list[float]] = [[] for _ in chosen]
        for number in range(arguments.rounds):
            # Turned by one each round and mirrored every second one: nobody always runs after the same.
            order = [(place + number) % len(chosen) for place in range(len(chosen))]
            for place in order if number % 2 == 0 else reversed(order):
                times[place].append(await seconds_for(chosen[place], server))
    rates = [
        Spread(tuple(one.jobs / seconds for seconds in taken))
        for one, taken in zip(chosen, times, strict=True)
    ]
    return _report(arguments, facts, installed, chosen, rates)


def _report(
    arguments: argparse.Namespace,
    facts: dict[str, str | int | float],
    installed: dict[str, str],
    chosen: Sequence[Contestant],
    rates: Sequence[Spread],
) -> Report:
    medians = {one.name: rate.median for one, rate in zip(chosen, rates, strict=True)}
    table = Table(
        "No-op runs a second, from due to recorded",
        ("", "jobs", "batch", "history", "median", "least", "most", "of limit"),
        [
            (
                one.name,
                f"{one.jobs:,}",
                str(one.batch),
                one.record,
                f"{rate.median:,.0f}",
                f"{min(rate.values):,.0f}",
                f"{max(rate.values):,.0f}",
                f"{rate.median / medians['limit']:.2f}",
            )
            for one, rate in zip(chosen, rates, strict=True)
        ],
    )
    return Report(
        benchmark="dispatch",
        machine=facts,
        versions=installed,
        options={"jobs": arguments.jobs, "slow_jobs": arguments.slow_jobs, "rounds": arguments.rounds},
        results=[
            {
                "name": one.name,
                "jobs": one.jobs,
                "workers": one.workers,
                "batch": one.batch,
                "runs_per_second": rate.facts(digits=1),
            }
            for one, rate in zip(chosen, rates, strict=True)
        ],
        ratios=dict(_ratios(medians)),
        tables=[table],
    )


def _ratios(medians: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Ours over everybody else's; over PgQueuer with as many processes, and with whichever number is best."""
    for ours in (name for name in medians if name.startswith(OURS)):
        for other in ("limit", "Procrastinate", "APScheduler"):
            if other in medians:
                yield f"{ours} / {other}", medians[ours] / medians[other]
        if PGQUEUER not in medians:
            continue
        equal = PGQUEUER if ours == f"{OURS}, 1 node" else f"{PGQUEUER}, 2 workers"
        yield f"{ours} / {equal}", medians[ours] / medians[equal]
        best = max(medians[PGQUEUER], medians[f"{PGQUEUER}, 2 workers"])
        yield f"{ours} / PgQueuer at its best", medians[ours] / best


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--jobs", type=options.positive, default=20_000, help="for the fast ones")
    parser.add_argument("--slow-jobs", type=options.positive, default=2_000, help="for the slow ones")
    parser.add_argument("--rounds", type=options.positive, default=5)
    parser.add_argument("--nodes", type=options.numbers, default=(1, 2), help="how many of ours, in turn")
    parser.add_argument(
        "--capacity",
        type=options.numbers,
        default=(500, 1000, 2000),
        help="runs that a node of ours holds at once",
    )
    parser.add_argument("--pgqueuer-batch", type=options.numbers, default=(100, 500, 1000))
    parser.add_argument("--no-rivals", dest="rivals", action="store_false", help="ours and the limit alone")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()
