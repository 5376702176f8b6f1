"""Writes the month into an empty database: as many rows as possible at once, and nothing that does not hold.

Profiles are maintained for real; the rest is written as the jobs write it. The same seed and moment give the
same month.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from bawt_console.demo.actions import Operators, write_actions
from bawt_console.demo.jobs import DemoJob, the_jobs
from bawt_console.demo.memories import the_minds, write_minds
from bawt_console.demo.month import PastNode, the_month, the_nodes
from bawt_console.demo.profiles import Notes, all_said, do_steps, say, the_steps
from bawt_console.demo.runs import PastRun, fresh_id, rewrite_runs, write_lines, write_runs
from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.plan_store import PlanStore, plan_text, save_plans
from scheduler_core.domain import RunMode, Trigger
from scheduler_core.maintenance.decay import DecayJob
from scheduler_core.tasks.task import JobConfig, JobKind, Task

SEED = 7
# What a database with default settings is given.
_DEFAULTS = {"profile_maintenance": 60, "memory_consolidation": 360, "memory_decay": 1440}


async def fill(database: Database, *, now: datetime, seed: int = SEED) -> None:
    """Fills a database that has the schema and no rows but perhaps default jobs, which it replaces.

    Args:
        now: where the month ends.
    """
    now = now.replace(microsecond=0)
    luck = Random(seed)
    jobs, nodes = the_jobs(luck), the_nodes(luck)
    runs = the_month(now, luck, jobs, nodes)
    operators = Operators(now, luck, jobs, runs)
    operators.work()
    hourly = [run for run in runs if run.job is jobs[0]]
    said = all_said(now, luck)
    steps = the_steps(hourly, said, luck)
    known = {run.id for run in runs}
    worked = [step.run for step in steps]
    runs += [run for run in worked if run.id not in known]
    for step in steps:
        if step.undoes is not None:
            operators.undone(step.run)
    minds = the_minds(runs, now, luck)
    planned = _dry_run(jobs[-1], now, luck, nodes[-1])
    operators.dry_run(planned)
    # Until their turn comes; a run that is over must say how it ended.
    for run in worked:
        run.node_id = run.node_id or nodes[-1].id
        run.status, run.reason = "skipped", "unchanged"
    async with database.transaction() as connection:
        await _write_jobs(connection, jobs, runs, now)
        await _write_nodes(connection, nodes, now)
        await write_runs(connection, runs)
        await write_minds(connection, minds)
        await write_actions(connection, operators.actions)
    await do_steps(database, steps)
    await say(database, [one for one in said if one.at >= hourly[-1].started_at])
    await _plan_decay(database, planned)
    async with database.transaction() as connection:
        await rewrite_runs(connection, worked)
        await write_lines(connection, worked)
    async with database.connection() as connection:
        await connection.execute("ANALYZE")


async def _write_jobs(
    connection: Connection, jobs: Sequence[DemoJob], runs: Sequence[PastRun], now: datetime
) -> None:
    await connection.execute("DELETE FROM scheduled_jobs")
    # So that nobody adds the default jobs again.
    await connection.execute(
        "INSERT INTO scheduler_seeds (name, interval_minutes)"
        " SELECT * FROM unnest($1::text[], $2::integer[]) ON CONFLICT DO NOTHING",
        list(_DEFAULTS),
        list(_DEFAULTS.values()),
    )
    taken: dict[object, int] = {}
    started: dict[object, datetime] = {}
    for run in runs:
        if run.claim_seq is not None:
            taken[run.job.id] = max(taken.get(run.job.id, 0), run.claim_seq)
        if run.node_id is not None:
            started[run.job.id] = max(started.get(run.job.id, run.started_at), run.started_at)
    await connection.executemany(
        "INSERT INTO scheduled_jobs (id, job_type, bot_id, enabled, interval_minutes, next_run_at, claim_seq,"
        " created_at, paused_by, paused_reason, paused_at, cron, time_zone, last_run_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        [
            (
                job.id,
                job.type,
                job.bot,
                job.paused is None,
                job.minutes,
                job.next_slot(now),
                taken.get(job.id, 0),
                now - timedelta(days=31),
                None if job.paused is None else job.paused[0],
                None if job.paused is None else job.paused[1],
                None if job.paused is None else now - job.paused[2],
                job.cron or None,
                job.zone,
                started.get(job.id),
            )
            for job in jobs
        ],
    )


async def _write_nodes(connection: Connection, nodes: Sequence[PastNode], now: datetime) -> None:
    kinds = ["profile_maintenance", "memory_consolidation", "memory_decay"]
    await connection.executemany(
        "INSERT INTO scheduler_nodes (id, name, state, version, job_types, started_at, heartbeat_at,"
        " lease_expires_at, model) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        [
            (
                node.id,
                node.name,
                "stopped",
                node.version,
                kinds,
                now - node.since,
                now - node.until,
                "Scripted-3B-demo local",
            )
            for node in nodes
        ],
    )


def _dry_run(job: DemoJob, now: datetime, luck: Random, node: PastNode) -> PastRun:
    assert job.paused is not None
    at = now - job.paused[2] + timedelta(minutes=2)
    return PastRun(
        id=fresh_id(luck, at),
        job=job,
        bot=job.bot,
        scheduled_for=at,
        started_at=at + timedelta(seconds=0.04),
        trigger="manual",
        mode="dry_run",
        node_id=node.id,
    )


async def _plan_decay(database: Database, run: PastRun) -> None:
    """What a paused job would do, so that it can be applied."""
    archive = MemoryArchive(database)
    handler = DecayJob(archive=archive, plans=PlanStore(database))
    task = Task(
        run_id=run.id,
        job_id=run.job.id,
        kind=JobKind(name=run.job.type, handler=handler.run),
        bot_id=run.bot,
        trigger=Trigger.MANUAL,
        scheduled_for=run.scheduled_for,
        attempt=1,
        config=JobConfig(),
        timeout=60.0,
        max_attempts=1,
        mode=RunMode.DRY_RUN,
    )
    notes = Notes(run.id)
    outcome = await handler.run(task, notes)
    assert outcome.plan is not None
    run.succeed(dict(outcome.result), seconds=0.31)
    run.suspicious = outcome.suspicious
    async with database.transaction() as connection:
        await write_runs(connection, [run])
        await save_plans(connection, {run.id: plan_text(outcome.plan)})
