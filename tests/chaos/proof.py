"""The proof that nothing was lost or doubled, from the tables and from what the handlers wrote down."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from scheduler_core.db.audit import audit
from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from tests.chaos.nodes import Execution

HISTORY_DAYS = 90
GRACE_SECONDS = 5.0

# Each counts what must never be; `bad` is the number of offenders.
CRIMES = {
    "a slot with two runs": """
        SELECT count(*) FROM (
            SELECT FROM job_runs WHERE claim_seq IS NOT NULL AND job_id IS NOT NULL
            GROUP BY job_id, bot_id, claim_seq HAVING count(*) > 1
        ) d
    """,
    "an attempt after something else than a failure": """
        SELECT count(*) FROM job_runs r JOIN job_runs b
            ON coalesce(b.first_run_id, b.id) = r.first_run_id AND b.attempt = r.attempt - 1
        WHERE r.attempt > 1 AND b.status <> 'failed'
    """,
    "an attempt without the one before": """
        SELECT count(*) FROM job_runs r
        WHERE r.attempt > 1 AND NOT EXISTS (
            SELECT FROM job_runs b
            WHERE coalesce(b.first_run_id, b.id) = r.first_run_id AND b.attempt = r.attempt - 1
        )
    """,
    "an outcome that does not fit its status": """
        SELECT count(*) FROM job_runs
        WHERE (status = 'success') <> (result_json IS NOT NULL AND status <> 'skipped')
            OR (status = 'failed') <> (error_message IS NOT NULL)
            OR (status = 'skipped') <> (reason IS NOT NULL)
    """,
    "a run that started before its slot or ended before it started": """
        SELECT count(*) FROM job_runs
        WHERE (trigger = 'schedule' AND started_at < scheduled_for) OR finished_at < started_at
    """,
    "a run over that still shows progress": """
        SELECT count(*) FROM job_runs WHERE finished_at IS NOT NULL AND progress IS NOT NULL
    """,
}

UNSETTLED = """
    SELECT format('%s run %s of %s, attempt %s, may start %s', status, id, job_type, attempt, available_at)
    FROM job_runs WHERE status IN ('pending', 'running')
    UNION ALL
    SELECT format('job %s of %s, due since %s', id, job_type, next_run_at)
    FROM scheduled_jobs WHERE enabled AND next_run_at <= now()
"""


@dataclass(frozen=True, slots=True)
class Story:
    """How much happened, so that a test can tell that it tested something."""

    runs: int
    successes: int
    executions: int


async def unsettled(connection: Connection) -> list[str]:
    """What is due, waiting or running, in words."""
    return [row[0] for row in await connection.fetch(UNSETTLED)]


async def prove(database: Database, executions: Sequence[Execution]) -> Story:
    """Asserts everything that is promised, once nothing runs any more."""
    report = await audit(database, history_days=HISTORY_DAYS, grace=GRACE_SECONDS)
    assert report.is_exact, report
    async with database.connection() as connection:
        crimes = {name: await connection.fetchval(query) for name, query in CRIMES.items()}
        rows = await connection.fetch("SELECT id, status, reason FROM job_runs")
    assert not any(crimes.values()), crimes
    statuses: dict[UUID, str] = {row["id"]: row["status"] for row in rows}
    _prove_executions(statuses, executions)
    successes = Counter(statuses.values())["success"]
    return Story(runs=len(statuses), successes=successes, executions=len(executions))


def _prove_executions(statuses: dict[UUID, str], executions: Sequence[Execution]) -> None:
    calls = Counter(execution.run_id for execution in executions)
    assert not (twice := [run for run, count in calls.items() if count > 1]), f"executed twice: {twice}"
    ran = {execution.run_id: execution for execution in executions}
    for run, status in statuses.items():
        if run in ran:
            assert status in ("success", "failed"), f"{run} was executed and is {status}"
            # What a dead node had finished may be recorded as lost; what is recorded as done was done.
            assert status != "success" or ran[run].end is not None, f"{run} never came to its end"
    places = defaultdict(list)
    for execution in executions:
        if statuses.get(execution.run_id) == "success":
            places[execution.job_id, execution.bot_id].append(execution)
    for place in places.values():
        place.sort(key=lambda execution: execution.begin)
        for before, after in pairwise(place):
            assert before.end is not None
            assert before.end <= after.begin, f"{before} and {after} overlap and are both a success"
