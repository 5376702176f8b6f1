"""The scheduler's own statements: claim, start, heartbeat, finish, retry, rescue. One method each.

Every change is guarded, so a method's answer (rows or none) is the truth about what happened. Nothing
here sleeps, retries or decides policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import EventLevel, NodeState, RunStatus, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one look at the due jobs did: runs that now wait, and the runs of slots that were skipped."""

    pending: int
    skipped: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """A run this node now holds. `config_json` is None when the job was deleted meanwhile."""

    id: UUID
    job_id: UUID | None
    job_type: str
    bot_id: str
    trigger: Trigger
    scheduled_for: datetime
    attempt: int
    coalesced: int
    started_at: datetime
    config_json: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """An outcome to record. `reason` belongs to skipped runs and `error_message` to failed ones."""

    id: UUID
    status: RunStatus
    result_json: str | None = None
    error_message: str | None = None
    reason: str | None = None
    suspicious: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRun:
    """A run that was closed because its node is gone."""

    id: UUID
    job_type: str
    attempt: int
    error_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck:
    """News about a run this node holds, or thought it held."""

    id: UUID
    held: bool
    cancelled_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """What a node says about itself with every heartbeat. `lease` is in seconds."""

    id: UUID
    name: str
    state: NodeState
    version: str
    job_types: tuple[str, ...]
    lease: float
    running: int
    model: str | None


class JobStore:
    """Statements over the scheduler's tables, as one node runs them."""

    def __init__(self, database: Database, *, node_id: UUID) -> None:
        self._database = database
        self._node_id = node_id

    async def seed_jobs(self, intervals: Mapping[str, int]) -> tuple[int, int]:
        """Makes each default job once per database; returns how many were added and re-timed."""
        seed = statement("seed_jobs")
        values = seed.bind(job_types=list(intervals), intervals=list(intervals.values()))
        async with self._database.transaction() as connection:
            # Two nodes that start together would otherwise both see no seeds.
            await connection.execute("LOCK TABLE scheduler_seeds IN SHARE ROW EXCLUSIVE MODE")
            row = await connection.fetchrow(seed.text, *values)
        assert row is not None
        return row["added"], row["moved"]

    async def claim_due(self, *, batch: int, per_bot_types: Sequence[str], bots: Sequence[str]) -> Claim:
        """Turns up to `batch` due slots into waiting runs or skipped ones, and advances their jobs."""
        claim = statement("claim_due")
        values = claim.bind(batch=batch, per_bot_types=list(per_bot_types), bots=list(bots))
        async with self._database.connection() as connection:
            rows = await connection.fetch(claim.text, *values)
        skipped = tuple(row["id"] for row in rows if row["status"] == RunStatus.SKIPPED)
        return Claim(pending=len(rows) - len(skipped), skipped=skipped)

    async def start_pending(self, *, limits: Mapping[str, int | None], capacity: int) -> list[StartedRun]:
        """Takes up to `capacity` waiting runs of the given types; a limit holds across all nodes.

        Raises:
            asyncpg.UniqueViolationError: another node took the same concurrency slot; look again.
        """
        start = statement("start_pending")
        values = start.bind(
            job_types=list(limits), limits=list(limits.values()), capacity=capacity, node=self._node_id
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(start.text, *values)
        return [
            StartedRun(
                id=row["id"],
                job_id=row["job_id"],
                job_type=row["job_type"],
                bot_id=row["bot_id"],
                trigger=Trigger(row["trigger"]),
                scheduled_for=row["scheduled_for"],
                attempt=row["attempt"],
                coalesced=row["coalesced"],
                started_at=row["started_at"],
                config_json=row["config_json"],
            )
            for row in rows
        ]

    async def finish_runs(
        self, outcomes: Sequence[FinishedRun], *, retries: Mapping[UUID, float] | None = None
    ) -> set[UUID]:
        """Records outcomes and, in the same transaction, further attempts.

        Args:
            retries: seconds until the next attempt, for failed runs that deserve one.

        Returns:
            The runs this node still held. An outcome for any other run was not recorded.
        """
        finish = statement("finish_runs")
        values = finish.bind(
            node=self._node_id,
            ids=[outcome.id for outcome in outcomes],
            statuses=[str(outcome.status) for outcome in outcomes],
            results=[_storable(outcome.result_json) for outcome in outcomes],
            errors=[_storable(outcome.error_message) for outcome in outcomes],
            reasons=[_storable(outcome.reason) for outcome in outcomes],
            suspicious=["\n".join(outcome.suspicious) for outcome in outcomes],
        )
        async with self._database.transaction() as connection:
            held = {row["id"] for row in await connection.fetch(finish.text, *values)}
            delays = {run: delay for run, delay in (retries or {}).items() if run in held}
            await self._retry(connection, delays)
        return held

    async def rescue_runs(self, *, batch: int) -> list[LostRun]:
        """Closes up to `batch` runs of nodes whose lease expired."""
        rescue = statement("rescue_runs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(rescue.text, *rescue.bind(batch=batch))
        return [
            LostRun(
                id=row["id"],
                job_type=row["job_type"],
                attempt=row["attempt"],
                error_message=row["error_message"],
            )
            for row in rows
        ]

    async def retry_runs(self, delays: Mapping[UUID, float]) -> int:
        """Adds another attempt for each failed run, after its delay in seconds; returns how many."""
        async with self._database.transaction() as connection:
            return await self._retry(connection, delays)

    async def fail_unknown(self, *, grace: float, batch: int) -> list[UUID]:
        """Fails runs that have waited `grace` seconds for a node that knows their type."""
        fail = statement("fail_unknown")
        async with self._database.connection() as connection:
            rows = await connection.fetch(fail.text, *fail.bind(grace=grace, batch=batch, node=self._node_id))
        return [row["id"] for row in rows]

    async def heartbeat(self, node: NodeRow) -> datetime:
        """Renews the lease; returns the database's time."""
        beat = statement("heartbeat")
        values = beat.bind(
            node=node.id,
            name=node.name,
            state=str(node.state),
            version=node.version,
            job_types=list(node.job_types),
            lease=node.lease,
            running=node.running,
            model=node.model,
        )
        async with self._database.connection() as connection:
            at: datetime = await connection.fetchval(beat.text, *values)
        return at

    async def leave(self) -> None:
        """Marks this node stopped and gives its lease back."""
        leave = statement("leave")
        async with self._database.connection() as connection:
            await connection.execute(leave.text, *leave.bind(node=self._node_id))

    async def check_runs(self, ids: Sequence[UUID]) -> list[RunCheck]:
        """Which of these runs were cancelled or are no longer held; silent about the others."""
        check = statement("check_runs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(check.text, *check.bind(ids=list(ids), node=self._node_id))
        return [
            RunCheck(id=row["id"], held=row["held"], cancelled_by=row["cancel_requested_by"]) for row in rows
        ]

    async def next_due(self) -> float | None:
        """Seconds until the next slot or delayed run; None when nothing is ahead."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(statement("next_due").text)
        return seconds

    async def add_events(self, events: Sequence[tuple[UUID, EventLevel, str]]) -> None:
        """Appends log lines in the order given; lines of runs that are gone are dropped."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO job_run_events (run_id, level, message)"
                " SELECT e.run_id, e.level, e.message"
                " FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY"
                " AS e (run_id, level, message, place)"
                " WHERE EXISTS (SELECT FROM job_runs r WHERE r.id = e.run_id) ORDER BY e.place",
                [run for run, _, _ in events],
                [str(level) for _, level, _ in events],
                [_storable(message) for _, _, message in events],
            )

    async def set_progress(self, progress: Mapping[UUID, str]) -> None:
        """Replaces the progress line of runs this node holds."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE job_runs r SET progress = p.line"
                " FROM unnest($1::uuid[], $2::text[]) AS p (id, line)"
                " WHERE r.id = p.id AND r.status = 'running' AND r.node_id = $3",
                list(progress),
                [_storable(line) for line in progress.values()],
                self._node_id,
            )

    async def expire_history(self, *, days: int, batch: int) -> int:
        """Deletes up to `batch` finished runs older than `days`; returns how many."""
        expire = statement("expire_history")
        async with self._database.connection() as connection:
            done = await connection.execute(expire.text, *expire.bind(days=days, batch=batch))
        return int(done.rpartition(" ")[2])

    async def count_active(self) -> int:
        """Waiting runs that may start now, and running ones."""
        async with self._database.connection() as connection:
            count: int = await connection.fetchval(
                "SELECT count(*) FROM job_runs"
                " WHERE status = 'running' OR (status = 'pending' AND available_at <= now())"
            )
        return count

    async def _retry(self, connection: Connection, delays: Mapping[UUID, float]) -> int:
        if not delays:
            return 0
        retry = statement("retry_runs")
        values = retry.bind(ids=list(delays), delays=list(delays.values()))
        return len(await connection.fetch(retry.text, *values))


def _storable(text: str | None) -> str | None:
    """Neither NUL nor a lone surrogate may lose a result."""
    return None if text is None else storable(text)
